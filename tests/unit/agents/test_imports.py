"""The model library takes seconds to import, which no process may spend before it asks a model."""

import subprocess
import sys


def test_model_library_is_not_imported_with_the_service() -> None:
    code = "import sys, services.agents; print(sorted({'openai', 'pydantic_ai'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
