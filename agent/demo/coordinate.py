"""Each coordination action, asked for as Tacker's coordinateVNF scripts do, with each way to say who asks that they have.

A function runs with TLS and tokens; an OAuth 2.0 token endpoint (RFC 6749 section 4.4) beside it signs what the EMS trusts.
Exits with 1 at the first answer that is not the right one.
"""
import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tacker.common import config
from tacker.sol_refactored import objects
from tacker.sol_refactored.common import coord_client
from tacker.sol_refactored.common import exceptions

SLUICE = os.environ["SLUICE"]
INSTANCE = "00000000-0000-4000-8000-000000000001"
CLIENT, SECRET = "tacker", "a secret of the manager"
FUNCTION = "source :: RatedSource(RATE 1000) -> Queue -> RatedUnqueue(RATE 2000) -> Discard;"
DESCRIPTION = """
[vnf]
id = "{instance}"
[function]
file = "function.click"
[ems]
listen = "127.0.0.1:{port}"
tokens = "tokens.toml"
[ems.tls]
[ems.jwt]
issuer = "{issuer}"
audience = "sluice"
keys = "keys.json"
"""


def coded(what):
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(what).rstrip(b"=").decode()


class TokenEndpoint:
    """Gives tokens of a role to a client that shows its secret (RFC 6749 section 2.3.1)."""

    def __init__(self):
        key = Ed25519PrivateKey.generate()
        public = coded(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        self.keys = {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": public}]}
        expected = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                asked = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["Authorization"] != expected or asked != b"grant_type=client_credentials":
                    return self.send_error(401)
                claims = {"iss": outer.url, "aud": "sluice", "sub": CLIENT, "role": "operator", "exp": time.time() + 60}
                parts = [{"alg": "EdDSA", "kid": "one"}, claims]
                message = ".".join(coded(json.dumps(p).encode()) for p in parts)
                token = f"{message}.{coded(key.sign(message.encode()))}"
                body = json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 60}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}/token"
        threading.Thread(target=server.serve_forever, daemon=True).start()


def basic(token):
    return {"authType": ["BASIC"], "paramsBasic": {"userName": "vnfm", "password": token}}


def oauth2(endpoint):
    params = {"clientId": CLIENT, "clientPassword": SECRET, "tokenEndpoint": endpoint.url}
    return {"authType": ["OAUTH2_CLIENT_CREDENTIALS"], "paramsOauth2ClientCredentials": params}


def request(action):
    """What Tacker hands to the script, and the action that the script writes into it."""
    links = objects.LcmCoordRequest_Links(
        vnfLcmOpOcc=objects.Link(href="http://127.0.0.1:9890/vnflcm/v2/vnf_lcm_op_occs/2cae986e"),
        vnfInstance=objects.Link(href=f"http://127.0.0.1:9890/vnflcm/v2/vnf_instances/{INSTANCE}"))
    made = objects.LcmCoordRequest(
        vnfInstanceId=INSTANCE, vnfLcmOpOccId="2cae986e", lcmOperationType="CHANGE_VNFPKG",
        coordinationActionName="should_be_set_by_script", _links=links).to_dict()
    made["coordinationActionName"] = action
    return made


def check(what, is_so, seen):
    print(f"{what}: {'ok' if is_so else 'WRONG'}", flush=True)
    if not is_so:
        sys.exit(f"seen: {seen}")


class Vnf:
    """The running VNF, asked beside Tacker's client."""

    def __init__(self, folder, endpoint):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url, self.certificate = f"https://127.0.0.1:{port}", f"{folder}/ems/certificate.pem"
        files = {
            "function.click": FUNCTION,
            "keys.json": json.dumps(endpoint.keys),
            "vnf.toml": DESCRIPTION.format(instance=INSTANCE, port=port, issuer=endpoint.url),
        }
        for name, text in files.items():
            with open(f"{folder}/{name}", "w") as file:
                file.write(text)
        self.operator, self.reader = (
            subprocess.run([SLUICE, "token", f"{folder}/tokens.toml", name, "--role", role],
                           check=True, capture_output=True, text=True).stdout.strip()
            for name, role in [("vnfm", "operator"), ("reader", "read-only")])
        self.process = subprocess.Popen([SLUICE, "run", f"{folder}/vnf.toml", "-q"], stdout=subprocess.DEVNULL)
        while self.process.poll() is None and not self.is_ready():
            time.sleep(0.1)

    def is_ready(self):
        try:
            return requests.get(f"{self.url}/readyz", verify=self.certificate, timeout=5).status_code == 200
        except (OSError, requests.RequestException):
            return False

    def get(self, path):
        authorization = {"Authorization": f"Bearer {self.reader}"}
        got = requests.get(self.url + path, headers=authorization, verify=self.certificate, timeout=5)
        got.raise_for_status()
        return got

    def state(self):
        return self.get("/v1/vnf").json()["state"]

    def is_open(self):
        return self.get("/v1/elements/source/handlers/active").text.strip() == "true"


def coordinate(vnf, kind, authentication):
    def done(action):
        wanted = request(action)
        got = coord_client.create_coordination(vnf.url, authentication, wanted, 30)
        same = all(got[name] == wanted[name] for name in [
            "vnfInstanceId", "vnfLcmOpOccId", "lcmOperationType", "coordinationActionName"])
        links = all(got["_links"][name] == link for name, link in wanted["_links"].items())
        mine = got["_links"]["self"]["href"] == f"{vnf.url}/lcmcoord/v1/coordinations/{got['id']}"
        goes_on = got["coordinationResult"] == "CONTINUE"
        check(f"{kind}: {action} lets the operation go on", goes_on and same and links and mine, got)
        return got.get("outputParams")

    told = done("snapshot")
    check(f"{kind}: a snapshot tells of the function", "RatedSource" in json.dumps(told["functions"]), told)
    told = done("drain")
    check(f"{kind}: nothing is inside, and nothing comes in", told["held"] == 0 and not vnf.is_open(), told)
    done("resume")
    check(f"{kind}: packets come in again", vnf.is_open() and vnf.state() == "running", vnf.state())
    done("quiesce")
    check(f"{kind}: the VNF is stopped", vnf.state() == "stopped", vnf.state())
    done("resume")
    check(f"{kind}: the VNF runs", vnf.state() == "running", vnf.state())


def refused(vnf, what, authentication, action, status):
    try:
        seen = coord_client.create_coordination(vnf.url, authentication, request(action), 30)
    except exceptions.SolException as why:
        return check(f"{what} is refused, with a reason", why.status == status and why.detail, (why.status, why.detail))
    check(what, False, seen)


def main():
    objects.register_all()
    with tempfile.TemporaryDirectory() as folder:
        endpoint = TokenEndpoint()
        vnf = Vnf(folder, endpoint)
        try:
            check("the VNF is ready", vnf.process.poll() is None, vnf.process.poll())
            conf = f"{folder}/tacker.conf"
            with open(conf, "w") as file:
                file.write(f"[v2_vnfm]\nnotification_verify_cert = true\nnotification_ca_cert_file = {vnf.certificate}\n")
            config.init(["--config-file", conf])
            coordinate(vnf, "BASIC", basic(vnf.operator))
            coordinate(vnf, "OAUTH2_CLIENT_CREDENTIALS", oauth2(endpoint))
            refused(vnf, "a wrong password", basic("guess"), "snapshot", 401)
            refused(vnf, "who may only read", basic(vnf.reader), "quiesce", 403)
            refused(vnf, "an action that there is not", basic(vnf.operator), "prv.tacker_organization.coordination_test", 403)
        finally:
            vnf.process.terminate()
            vnf.process.wait(timeout=30)
    print("Tacker's coordination client: all as it should be")


if __name__ == "__main__":
    main()
