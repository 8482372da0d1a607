"""Sentence embeddings from a model that is on this machine already; nothing is ever downloaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Embedder:
    """A sentence-transformers model in a folder.

    Raises UsageError where the folder is no such model, MissingExtraError where the package is not installed.
    """

    def __init__(self, folder: str) -> None:
        path = Path(os.path.expandvars(folder)).expanduser()
        if not (path / "modules.json").is_file():
            raise UsageError(f"{path} holds no sentence-transformers model (no modules.json); name the folder of one")
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingExtraError("an embedding model", "sentence-transformers", "embeddings") from error
        self._model: Any = SentenceTransformer(str(path), local_files_only=True)

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector of length 1 for every text."""
        encoded: NDArray[np.float32] = self._model.encode(
            list(texts), normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return encoded
