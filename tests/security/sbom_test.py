#!/usr/bin/env python3
"""tools/sbom on the programs of this build: valid SPDX 2.3 as far as its specification binds a tool, complete, and the same twice.

usage: sbom_test.py VERSION PROGRAM…
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
LICENCES = {"NOASSERTION", "NONE", "Apache-2.0", "MIT", "BSL-1.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-4-Clause", "CC0-1.0", "ISC", "Zlib",
            *(f"{name}-{how}" for name in ("LGPL-2.0", "LGPL-2.1", "LGPL-3.0", "GPL-2.0", "GPL-3.0") for how in ("only", "or-later"))}
RELATIONS = {"DESCRIBES", "CONTAINS", "DYNAMIC_LINK", "STATIC_LINK", "OPTIONAL_DEPENDENCY_OF"}
DIGITS = {"SHA1": 40, "SHA256": 64}
PACKAGE_KEYS = ("SPDXID", "name", "downloadLocation", "versionInfo", "licenseConcluded", "licenseDeclared", "copyrightText")
DOCUMENT_KEYS = ("spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo", "packages", "relationships")


def problems(document):
    """What the specification (sections 6, 7, 8, 11) would not have, one line each."""
    found = [f"no {key}" for key in DOCUMENT_KEYS if key not in document]
    if found:
        return found
    expected = {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT"}
    found += [f"{key} is {document[key]}" for key, value in expected.items() if document[key] != value]
    if not re.fullmatch(r"https?://[^\s#]+", document["documentNamespace"]):
        found.append("documentNamespace is no URI without a fragment")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["creationInfo"]["created"]):
        found.append("created is no time")
    if not all(re.match(r"(Tool|Person|Organization): \S", who) for who in document["creationInfo"]["creators"] or [""]):
        found.append("creators name nobody")
    elements = [*document["packages"], *document["files"]]
    known = ["SPDXRef-DOCUMENT", *(each["SPDXID"] for each in elements)]
    found += [f"{each} twice" for each in set(known) if known.count(each) > 1]
    for each in elements:
        if not re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", each["SPDXID"]):
            found.append(f"{each['SPDXID']} is no identifier")
        found += [f"{each['SPDXID']}: {key} is {each[key]}" for key in ("licenseConcluded", "licenseDeclared") if each.get(key, "NONE") not in LICENCES]
    for package in document["packages"]:
        found += [f"{package['SPDXID']}: no {key}" for key in PACKAGE_KEYS if not package.get(key)]
    for file in document["files"]:
        sums = {entry["algorithm"]: entry["checksumValue"] for entry in file["checksums"]}
        if "SHA1" not in sums or not all(re.fullmatch(rf"[0-9a-f]{{{DIGITS[kind]}}}", value) for kind, value in sums.items()):
            found.append(f"{file['SPDXID']}: checksums {sums}")
    for line in document["relationships"]:
        found += [f"{line[key]} is nothing here" for key in ("spdxElementId", "relatedSpdxElement") if line[key] not in known]
        if line["relationshipType"] not in RELATIONS:
            found.append(f"relation {line['relationshipType']}")
    return found


class sbom(unittest.TestCase):
    version, programs = "", ()

    @classmethod
    def setUpClass(cls):
        cls.texts = [cls.make() for _ in range(2)]
        cls.document = json.loads(cls.texts[0])
        cls.names = {package["name"]: package for package in cls.document["packages"]}

    @classmethod
    def make(cls):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "sbom.json"
            subprocess.run([sys.executable, "-B", str(TOP / "tools" / "sbom"), "--version", cls.version, "--out", str(out), *cls.programs], check=True,
                           env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}, timeout=300)
            return out.read_text(encoding="utf-8")

    def test_is_valid(self):
        self.assertEqual(problems(self.document), [])

    def test_the_check_finds_what_is_wrong(self):
        cases = (("version", lambda it: it.update(spdxVersion="SPDX-2.2")), ("dangling", lambda it: it["relationships"][0].update(relatedSpdxElement="SPDXRef-x")),
                 ("twice", lambda it: it["packages"].append(it["packages"][0])), ("licence", lambda it: it["packages"][0].update(licenseDeclared="free")),
                 ("missing", lambda it: it["packages"][0].pop("downloadLocation")), ("checksum", lambda it: it["files"][0].update(checksums=[])),
                 ("identifier", lambda it: it["packages"][0].update(SPDXID="SPDXRef-a_b")), ("time", lambda it: it["creationInfo"].update(created="now")))
        for name, spoil in cases:
            document = json.loads(self.texts[0])
            spoil(document)
            with self.subTest(name):
                self.assertNotEqual(problems(document), [])

    def test_is_the_same_twice(self):
        self.assertEqual(*self.texts)

    def test_names_every_library_that_is_linked(self):
        stated = " ".join(package["comment"] for package in self.names.values()).split()
        for program in self.programs:
            said = subprocess.run(["readelf", "-dW", program], capture_output=True, text=True, check=True).stdout
            for soname in re.findall(r"\(NEEDED\).*\[(.+?)\]", said):
                self.assertIn(soname, stated, program)
        self.assertFalse([name for name, package in self.names.items() if "no package here holds" in package["comment"]])

    def test_names_the_headers_that_are_built_in(self):
        for what in ("boost", "cli11", "expected", "rapidjson"):
            self.assertTrue(any(what in name for name in self.names), f"{what} of {sorted(self.names)}")

    def test_states_licences_only_where_they_are_certain(self):
        self.assertEqual(self.names["campush"]["licenseDeclared"], "Apache-2.0")
        self.assertEqual(self.names["libexpected-dev"]["licenseDeclared"], "CC0-1.0")
        self.assertEqual({p["licenseConcluded"] for p in self.names.values() if p["name"] != "campush"}, {"NOASSERTION"})


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sbom.version, sbom.programs = sys.argv[1], sys.argv[2:]
    unittest.main(argv=sys.argv[:1], verbosity=1)
