"""The tested helper package of the LSTM notebook series.

Import what you need from its modules, for example ``from lstm_helpers.cell import lstm_forward``.
Nothing is imported here on purpose, so that ``import lstm_helpers`` stays light.
"""
