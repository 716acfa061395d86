"""What a service may not have us ask: hosts that only this network reaches."""

from __future__ import annotations

import socket

import pytest

from pruna_nb import errors
from pruna_nb.api.endpoints import Endpoints
from pruna_nb.api.replies import Prediction
from pruna_nb.api.transport import Transport
from pruna_nb.api.urls import public_addresses, resolve
from pruna_nb.files.media_store import MediaStore
from pruna_nb.settings import current
from tests.faults.servers import Server, reply
from tests.helpers.tls import TLSFront, TunnelProxy, make_certificate

INSIDE = [
    "10.0.0.1",
    "172.16.3.4",
    "192.168.0.1",
    "127.0.0.1",
    "0.0.0.0",  # noqa: S104 - an address that is asked for, not one that is listened on
    "100.64.0.1",
    "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::10.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]
OUTSIDE = ["1.1.1.1", "2606:4700::1111", "64:ff9b::1.1.1.1", "::ffff:1.1.1.1"]


@pytest.fixture
def names(monkeypatch):
    """Have names looked up here: a dict of a name and its addresses."""
    known = {}
    looked_up = []
    real = socket.getaddrinfo

    def look_up(host, port, *args, **kwargs):
        if host not in known:
            return real(host, port, *args, **kwargs)
        looked_up.append(host)
        kinds = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in known[host]]
        pairs = zip(kinds, known[host], strict=True)
        return [(kind, socket.SOCK_STREAM, 6, "", (each, port)) for kind, each in pairs]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    known["#asked"] = looked_up
    return known


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_of_an_address_inside_a_network_is_refused(address, names):
    names["outputs.example"] = [address]
    with pytest.raises(errors.ReplyError, match="inside this network"):
        public_addresses("outputs.example", 443)


@pytest.mark.parametrize("address", [each for each in INSIDE if "%" not in each])
def test_an_address_inside_a_network_is_refused_as_it_stands(address):
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(errors.ReplyError, match="inside this network"):
        resolve("https://api.pruna.ai", f"https://{host}/x.jpg")


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_of_the_internet_is_taken(address, names):
    names["outputs.example"] = [address]
    assert public_addresses("outputs.example", 443) == [address]


def test_of_several_addresses_those_of_the_internet_are_connected_to(names):
    names["outputs.example"] = ["10.0.0.1", "1.1.1.1", "127.0.0.1"]
    assert public_addresses("outputs.example", 443) == ["1.1.1.1"]


@pytest.mark.parametrize("redirected", [False, True])
@pytest.mark.parametrize("inside", ["127.0.0.1", "169.254.169.254", "64:ff9b::7f00:1"])
def test_an_output_at_a_name_inside_the_network_is_not_asked_for(
    inside, redirected, names, tmp_path, monkeypatch
):
    """The service is one of the internet by its name; both names lead to this machine."""
    certificate = make_certificate(tmp_path, ("DNS:service.example", "DNS:intranet.example"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    names["service.example"], names["intranet.example"] = ["127.0.0.1"], [inside]
    with (
        Server(lambda _: reply(200, b"secret")) as intranet,
        TLSFront(intranet.port, *certificate) as inner,
    ):
        there = f"https://intranet.example:{inner.port}/x.bin"
        with (
            Server(lambda _: reply(302, b"", {"Location": there})) as server,
            TLSFront(server.port, *certificate) as front,
        ):
            settings = current(
                api_key="a-key-of-some-length", base_url=f"https://service.example:{front.port}"
            )
            calls = Endpoints(settings, Transport(settings))
            url = "/v1/out.bin" if redirected else there
            done = Prediction("m", {}, "x", "succeeded", url)
            with pytest.raises(errors.DeliveryError, match="inside this network") as caught:
                calls.deliver(done, MediaStore(tmp_path / "media"))
            calls.transport.close()
        assert inner.connections == 0
    assert caught.value.charged == "yes"
    assert len(server.asked) == redirected


def test_another_port_of_the_services_own_host_is_asked(names, tmp_path, monkeypatch):
    certificate = make_certificate(tmp_path, ("DNS:service.example",))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    names["service.example"] = ["127.0.0.1"]
    with (
        Server(lambda _: reply(200, b"weights")) as server,
        TLSFront(server.port, *certificate) as front,
    ):
        settings = current(api_key="a-key-of-some-length", base_url="https://service.example")
        url = f"https://service.example:{front.port}/x.bin"
        done = Prediction("m", {}, "x", "succeeded", url)
        calls = Endpoints(settings, Transport(settings))
        stored = calls.deliver(done, MediaStore(tmp_path / "media"))
        calls.transport.close()
    assert stored.path.read_bytes() == b"weights"
    assert "apikey" not in server.asked[0].headers


def test_a_proxy_is_not_asked_for_a_name_inside_the_network(names, tmp_path, monkeypatch):
    names["intranet.example"] = ["10.0.0.1"]
    with TunnelProxy(9) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        settings = current(api_key="a-key-of-some-length", base_url="https://service.example")
        done = Prediction("m", {}, "x", "succeeded", "https://intranet.example/x.bin")
        with pytest.raises(errors.DeliveryError, match="inside this network"):
            Endpoints(settings, Transport(settings)).deliver(done, MediaStore(tmp_path))
    assert proxy.asked == []
