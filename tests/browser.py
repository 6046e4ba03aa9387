"""A real JupyterLab and a real Chromium for tests/test_browser.py: how to start them and what to ask of them."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
INSTALL = f"{sys.executable} -m playwright install chromium"
TOKEN = "only-for-the-tests"
PATIENCE = 90_000  # milliseconds for a notebook to open or to run

# No popup about news or updates: nothing may lie over the page.
OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    # Saving would sign the notebooks as trusted; one of the tests looks at untrusted ones.
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}

# Everything that the tests ask of JupyterLab's own JavaScript, under names.
LAB = """
window.lab = {
  panel: () => window.jupyterapp?.shell?.currentWidget,
  ready: () => {
    const context = lab.panel()?.sessionContext;
    const session = context?.session;
    return Boolean(context?.isReady && session?.kernel?.status === 'idle'
                   && session.kernel.connectionStatus === 'connected');
  },
  openWithoutKernel: async (path) => {
    await window.jupyterapp.restored;
    const kernelPreference = { shouldStart: false, canStart: false };
    const options = { path, factory: 'Notebook', kernelPreference };
    const panel = await window.jupyterapp.commands.execute('docmanager:open', options);
    await panel.context.ready; // until then it shows one empty cell, which counts as trusted
  },
  runAll: async () => {
    await window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs');
    window.jupyterapp.commands.execute('notebook:run-all-cells'); // not awaited: finished() tells
  },
  code: () => [...lab.panel().content.model.cells].filter(
    cell => cell.type === 'code' && cell.sharedModel.getSource().trim()),
  errors: () => lab.code().flatMap(cell => cell.outputs.toJSON()).filter(
    output => output.output_type === 'error' || output.name === 'stderr'),
  finished: () => lab.errors().length > 0
    || (lab.ready() && lab.code().every(cell => cell.executionCount !== null)),
  ask: async (code) => {
    const future = lab.panel().sessionContext.session.kernel.requestExecute({ code, store_history: false });
    let text = '';
    future.onIOPub = ({ content }) => {
      if (content.text) text += content.text;
      if (content.ename) text += `${content.ename}: ${content.evalue}`;
    };
    await future.done;
    return text;
  },
};
"""


@contextmanager
def scrubber_page(scrubber, **options):
    """A new page in a browser of its own that shows the scrubber without a kernel; the options are Playwright's."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit(f"No Chromium found; to install one: {INSTALL}")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scrubber.html"
        path.write_text(scrubber.to_html(), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(**options)
        page.goto(path.as_uri())
        page.wait_for_selector("[data-testid=gate-scrubber][data-t]")
        yield page
        browser.close()


def find_chromium():
    """The path of a Chromium, or None: the system's, else the one that playwright has installed."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


@contextmanager
def jupyter_lab(root, home):
    """Start JupyterLab for the folder `root` on a free loopback port, its own files in `home`; yields its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (home / "config" / "labconfig").mkdir(parents=True)
    (home / "config" / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(OVERRIDES))
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}", "--expose-app-in-browser", "--allow-root",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {name: str(home / folder) for name, folder in folders.items()}
    log = home / "log.txt"
    with log.open("w") as output:
        server = subprocess.Popen(command, cwd=root, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait_for_server(url, server, log)
            yield url
        finally:
            server.terminate()
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:  # it waits for kernels that do not end
                server.kill()
                server.wait()


def _wait_for_server(url, server, log):
    for _ in range(300):
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab has stopped:\n{log.read_text()[-2000:]}")
        try:
            request_json(url, "/api/status")
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"JupyterLab does not answer:\n{log.read_text()[-2000:]}")


def request_json(url, path, method="GET"):
    request = urllib.request.Request(f"{url}{path}?token={TOKEN}", method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        body = answer.read()
    return json.loads(body) if body else None


def open_notebook(page, url, name, *, kernel=True):
    """Open a notebook; with a kernel, wait until it is ready."""
    workspace = name.replace("/", "-").replace(".", "-")
    page.add_init_script(LAB)
    path = f"tree/{name}" if kernel else ""
    page.goto(f"{url}/lab/workspaces/{workspace}/{path}?token={TOKEN}&reset", timeout=PATIENCE)
    if kernel:
        page.wait_for_function("lab.ready()", timeout=PATIENCE)
    else:
        page.wait_for_function("window.jupyterapp?.shell", timeout=PATIENCE)
        page.evaluate("path => lab.openWithoutKernel(path)", name)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=PATIENCE)


def run_all(page):
    """Run every cell from the top, until all are done or one has failed; returns what went to stderr or was raised."""
    page.evaluate("lab.runAll()")
    page.wait_for_function("lab.finished()", timeout=PATIENCE)
    return page.evaluate("lab.errors()")


def close_sessions(url):
    """End every kernel: a session outlives the page that started it."""
    for session in request_json(url, "/api/sessions"):
        request_json(url, f"/api/sessions/{session['id']}", method="DELETE")
