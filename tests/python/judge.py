"""mpegts.js as a judge of FLV: its demuxer, bundled by esbuild and run by node (tests/npm)."""

import json
import subprocess
import unittest

import harness

PEERS = harness.ROOT / "tests" / "npm"
ESBUILD = PEERS / "node_modules" / ".bin" / "esbuild"
# The demuxer was written for browsers.
BROWSER = 'globalThis.self={navigator:{userAgent:"node"}};'


def require():
    harness.require("node")
    if not ESBUILD.exists():
        raise unittest.SkipTest("the npm peers are not installed (tools/npm_peers)")


def bundle(folder):
    """The judge as one script that node runs."""
    out = folder / "judge.cjs"
    subprocess.run([str(ESBUILD), str(PEERS / "flv_judge.js"), "--bundle", "--platform=node", "--format=cjs", f"--banner:js={BROWSER}",
                    f"--outfile={out}", "--log-level=error"], check=True, cwd=PEERS, timeout=60)
    return out


def look_at(script, path):
    done = subprocess.run([harness.tool("node"), str(script), str(path)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
