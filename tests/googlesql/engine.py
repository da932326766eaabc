"""GoogleSQL's C++ reference implementation in this process: PyPI's ``zetasql``, a WebAssembly module on wasmtime."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import tzdata
from google.protobuf.message import Message
from wasmtime import Config, Engine, Linker, Module, Store, WasiConfig
from zetasql.core.wasm_client import WasmClient
from zetasql.wasi import get_wasm_path

from dev.checkout import ROOT, STATE

COMPILED = STATE / f"googlesql-{version('zetasql')}-{version('wasmtime')}.module"
"""The compiled module, 76 MB. It takes a minute of processor time to compile and less than a second to load."""

M = TypeVar("M", bound=Message)


class GoogleSqlEngine(WasmClient):
    """The package's client, with a module that is compiled once and copies that are not made byte by byte."""

    def __init__(self) -> None:
        engine = _engine()
        self.store = Store(engine)
        self.store.set_wasi(_files())
        linker = Linker(engine)
        linker.define_wasi()
        self.instance = linker.instantiate(self.store, _module(engine))
        self.exports = self.instance.exports(self.store)
        self.exports["_initialize"](self.store)
        self.memory = self.exports["memory"]

    def write_bytes(self, ptr: int, data: bytes) -> None:
        """Copy into the module's memory."""
        ctypes.memmove(self._address() + ptr, data, len(data))

    def read_bytes(self, ptr: int, size: int) -> bytes:
        """Copy out of the module's memory."""
        return ctypes.string_at(self._address() + ptr, size)

    def call(self, method: str, request: Message, response_type: type[M]) -> M:
        """Call a method of the service, ``Analyze``.

        :raises ServerError: says what GoogleSQL refuses.
        """
        return self.call_grpc_func(f"ZetaSqlLocalService_{method}", request, response_type)

    def _address(self) -> int:
        return ctypes.addressof(self.memory.data_ptr().contents)  # it moves when the memory grows


@cache
def engine() -> GoogleSqlEngine:
    """Return the one engine of this process."""
    return GoogleSqlEngine()


def _engine() -> Engine:
    config = Config()
    config.shared_memory = True
    return Engine(config)


def _files() -> WasiConfig:
    files = WasiConfig()
    files.inherit_stderr()
    files.preopen_dir(str(Path(tzdata.__file__).with_name("zoneinfo")), "/usr/share/zoneinfo")
    return files


def _module(engine: Engine) -> Module:
    if not COMPILED.exists():  # in a process of its own, which takes the gigabyte that it needs with it
        subprocess.run([sys.executable, "-m", __name__], cwd=ROOT, check=True)
    return Module.deserialize_file(engine, str(COMPILED))


def _compile() -> None:
    COMPILED.parent.mkdir(exist_ok=True)
    unfinished = COMPILED.with_name(f"{COMPILED.name}.{os.getpid()}")
    unfinished.write_bytes(Module.from_file(_engine(), get_wasm_path()).serialize())
    unfinished.replace(COMPILED)  # at once, whole, whoever else is at it


if __name__ == "__main__":
    _compile()
