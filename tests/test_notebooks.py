"""Every notebook runs from top to bottom, and shows no personal data where there must be none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from support.canary import Canaries

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Run before the first cell: the kernel is a process of its own, which pytest-socket cannot see.
NO_NETWORK = "import pytest_socket; pytest_socket.socket_allow_hosts(['127.0.0.1', '::1'], True)"
# Run after the last cell.
PLANTED = """
import json
from demo_support import planted_values
print(json.dumps(sorted(planted_values(records))))
"""
TIMEOUT = 120  # seconds a cell


class ThisPython(KernelSpecManager):
    """Knows one kernel: the interpreter that runs the tests, whatever Jupyter has installed."""

    def get_kernel_spec(self, kernel_name):
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name=kernel_name, language="python")


def read(path):
    return nbformat.read(path, as_version=4)


def printed(cell):
    return "".join(
        output.get("text", "") + str(output.get("data", {}).get("text/plain", ""))
        for output in cell.outputs
    )


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def executed(request, tmp_path_factory):
    """A notebook after its run, and the values planted in its corpus."""
    notebook = read(request.param)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(NO_NETWORK))
    notebook.cells.append(nbformat.v4.new_code_cell(PLANTED))
    # No file of the user's own Jupyter or IPython is read or written.
    home = str(tmp_path_factory.mktemp("home"))
    quiet = {"IPYTHONDIR": home, "JUPYTER_CONFIG_DIR": home, "JUPYTER_RUNTIME_DIR": home}
    env = {
        **os.environ,
        **quiet,
        "LANGSMITH_TRACING": "false",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython())
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=TIMEOUT,
        resources={"metadata": {"path": str(request.param.parent)}},
    )
    client.execute(env=env)
    values = json.loads(printed(notebook.cells.pop()))
    return notebook, Canaries(values)


def tagged(notebook, tag):
    cells = [cell for cell in notebook.cells if tag in cell.metadata.get("tags", ())]
    assert cells, f"no cell is tagged {tag}"
    return [printed(cell) for cell in cells]


def test_there_are_notebooks():
    assert [path.name for path in NOTEBOOKS] == ["01_langchain.ipynb", "02_llama_index.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(path):
    notebook = read(path)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.parametrize("folder", [".", "notebooks", "piirag/vault"])
def test_the_examples_are_found_from_any_folder(path, folder):
    first = next(cell.source for cell in read(path).cells if cell.cell_type == "code")
    script = first + "\nimport crm_corpus"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT / folder)
    assert done.returncode == 0


def test_stored_text_holds_no_planted_value(executed):
    notebook, planted = executed
    for text in tagged(notebook, "stored"):
        assert "[PERSON " in text
        assert planted.scan_text(text) == []


def test_what_left_for_the_model_holds_no_planted_value(executed):
    notebook, planted = executed
    for text in tagged(notebook, "wire"):
        assert "PERSON" in text
        assert planted.scan_text(text) == []


def test_the_answer_holds_the_value(executed):
    notebook, planted = executed
    for text in tagged(notebook, "answer"):
        assert planted.scan_text(text) != []
