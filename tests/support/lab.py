"""JupyterLab and its notebooks, as a browser shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

SECONDS = 300
READY = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
ENDED = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const cells = panel.content.widgets.filter(cell => cell.model.type === 'code');
  const failed = cells.some(c => c.model.outputs.toJSON().some(output => output.output_type === 'error'));
  return panel.sessionContext.session.kernel.status === 'idle'
    && (failed || cells.every(cell => cell.model.executionCount));
}"""
DRAWN = """() => {
  const outputs = [...document.querySelectorAll('.jp-OutputArea-output')];
  return !outputs.some(output => output.innerText.includes('Loading widget'));
}"""
ERRORS = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets.filter(c => c.model.type === 'code');
  const shown = [...document.querySelectorAll('.jp-OutputArea-output')].map(n => n.innerText).join(' ');
  return cells.flatMap(c => c.model.outputs.toJSON()).filter(o => o.output_type === 'error')
    .map(o => `${o.ename}: ${o.evalue}`).concat(shown.match(/Error displaying widget/g) ?? []);
}"""
IN_KERNEL = """async code => {
  const future = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code });
  let printed = '';
  future.onIOPub = message => { printed += message.content.text ?? message.content.evalue ?? ''; };
  await future.done;
  return printed.trim();
}"""


class Lab:
    """One running JupyterLab and one browser."""

    def __init__(self, folder: Path, address: str, token: str, browser: Any) -> None:
        self.folder = folder
        self._address, self._token, self._browser = address, token, browser

    def open(self, name: str, *cells: str, scale: float = 1) -> Notebook:
        """A new notebook of these cells, shown and all of it run without an error."""
        content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        content.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        path = self.folder / f"{name}.ipynb"
        nbformat.write(content, path)
        notebook = self.show(path, scale)
        notebook.run_all()
        return notebook

    def show(self, path: Path, scale: float = 1) -> Notebook:
        """A notebook of the folder, on a page of its own, with its kernel ready."""
        size = {"width": 1180, "height": 1100}
        page = self._browser.new_page(viewport=size, device_scale_factor=scale)
        page.set_default_timeout(SECONDS * 1000)
        page.goto(f"{self._address}/lab/tree/{path.name}?token={self._token}&reset")
        page.wait_for_function(READY)
        return Notebook(page, path)


class Notebook:
    """One notebook on one page of the browser."""

    def __init__(self, page: Any, path: Path) -> None:
        self.page = page
        self._path = path
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def run_all(self) -> None:
        """Runs every cell; none may end in an error, and every widget must appear."""
        self.command("notebook:clear-all-cell-outputs")
        self.command("notebook:run-all-cells")
        self.page.wait_for_function(ENDED)
        self.page.wait_for_function(DRAWN)
        errors = self.page.evaluate(ERRORS)
        assert not errors, errors

    def command(self, name: str, **arguments: str) -> None:
        """Runs one of JupyterLab's commands and does not wait for its end."""
        self.page.evaluate(
            "([name, options]) => void window.jupyterapp.commands.execute(name, options)", [name, arguments]
        )

    def python(self, code: str) -> str:
        """Runs code in the kernel, beside the cells; what it prints."""
        return str(self.page.evaluate(IN_KERNEL, code))

    def saved(self) -> Any:
        """The notebook as a save leaves it on disk."""
        self.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
        return nbformat.read(self._path, as_version=4)
