"""Certificates for tests of TLS, made by the openssl program when they are needed."""

import base64
import hashlib
import pathlib
import subprocess

import harness

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
CA_CONFIG = """[ca]
default_ca = all
[all]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
policy = any
[any]
commonName = supplied
"""


def openssl(*arguments, given=None):
    done = subprocess.run(["openssl", *map(str, arguments)], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


class authority:
    """A CA in a folder of its own: `certificate` is its own one, issue() makes others."""

    def __init__(self, folder, name="Test CA"):
        harness.require("openssl")
        self.folder = pathlib.Path(folder) / name.replace(" ", "_")
        self.folder.mkdir()
        self.key, self.certificate = self.folder / "ca.key", self.folder / "ca.pem"
        openssl("req", "-x509", *EC, "-keyout", self.key, "-out", self.certificate, "-days", 30, "-subj", f"/CN={name}")
        (self.folder / "index").touch()
        (self.folder / "config").write_text(CA_CONFIG.format(folder=self.folder), encoding="ascii")

    def issue(self, names, begin="20200101000000Z", end="20990101000000Z", file="server"):
        """Paths of a certificate for these names ("DNS:localhost", "IP:127.0.0.1") and of its key."""
        made, key, request, extensions = (self.folder / f"{file}.{end_}" for end_ in ("pem", "key", "csr", "ext"))
        openssl("req", *EC, "-keyout", key, "-out", request, "-subj", f"/CN={file}")
        extensions.write_text(f"subjectAltName = {', '.join(names)}\n", encoding="ascii")
        openssl("ca", "-batch", "-notext", "-md", "sha256", "-config", self.folder / "config", "-cert", self.certificate, "-keyfile",
                self.key, "-in", request, "-out", made, "-startdate", begin, "-enddate", end, "-extfile", extensions)
        return made, key


def pin_of(certificate):
    """Base64 of the SHA-256 of its public key."""
    public = openssl("x509", "-in", certificate, "-pubkey", "-noout")
    return base64.b64encode(hashlib.sha256(openssl("pkey", "-pubin", "-outform", "der", given=public)).digest()).decode()
