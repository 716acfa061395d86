"""Storages of tests: fsspec's memory, and an S3 server on this machine.

fsspec is imported where it is used: a fixture skips its tests where it is not installed.
"""

from __future__ import annotations

import contextlib
import uuid

import pytest


@contextlib.contextmanager
def s3_server():
    """Run moto's S3 server on a free port of this machine; yield it."""
    server = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def shared_s3():
    """Return an S3 server for all tests."""
    with s3_server() as running:
        yield running


@pytest.fixture
def s3_settings(monkeypatch, tmp_path):
    """Return a function that points S3 clients to a server, and to nothing else."""

    def point_to(server):
        host, port = server.get_host_and_port()
        settings = {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
            "AWS_MAX_ATTEMPTS": "1",
            "NO_PROXY": "127.0.0.1",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        # One that an earlier test made has that test's server.
        pytest.importorskip("fsspec").get_filesystem_class("s3").clear_instance_cache()

    return point_to


@pytest.fixture
def memory():
    """Return the address of an empty folder in fsspec's memory."""
    fsspec = pytest.importorskip("fsspec")
    name = f"bucket-{uuid.uuid4().hex}"
    yield f"memory://{name}"
    files = fsspec.filesystem("memory")
    if files.exists(name):
        files.rm(name, recursive=True)


@pytest.fixture
def s3(request, s3_settings):
    """Return the address of an empty bucket of an S3 server."""
    s3_settings(request.getfixturevalue("shared_s3"))
    return made_bucket(f"bucket-{uuid.uuid4().hex}")


def made_bucket(name):
    """Make a bucket of the S3 server that is in force; return its address."""
    import fsspec

    fsspec.filesystem("s3").mkdir(name)
    return f"s3://{name}"


@pytest.fixture(params=["memory", "s3"])
def bucket(request):
    """Return the address of an empty place in each of both."""
    return request.getfixturevalue(request.param)


def opened(address):
    """Return fsspec's file system of an address, and the path in it."""
    import fsspec

    return fsspec.core.url_to_fs(address)


def contents(address):
    """Return the bytes of all objects below an address, by name."""
    files, path = opened(address)
    files.invalidate_cache()
    return {
        name.split(path.strip("/") + "/", 1)[1]: files.cat_file(name) for name in files.find(path)
    }


def put(address, name, data):
    """Write an object, as another machine would."""
    files, path = opened(f"{address}/{name}")
    files.pipe_file(path, data)


def remove(address, name):
    """Remove an object."""
    files, path = opened(f"{address}/{name}")
    files.rm_file(path)
