"""Looks for the secrets of a running compose node where none may be. Used by .ci/compose.

compose-secrets.py FOLDER: FOLDER is compose/ after `prepare`. Searched are images (every layer, history, settings),
containers' settings, their logs, and the environment and command line of every process of this machine.
"""

import glob
import os
import subprocess
import sys


def run(*command):
    return subprocess.run(command, check=True, capture_output=True).stdout


def secrets(folder):
    """Each secret as it is written in its file: a password, the vault key, the longest line of each private key."""
    found = {}
    files = [f"{folder}/passwords/postgres", f"{folder}/passwords/grafana", f"{folder}/passwords/postgres.key"]
    files += glob.glob(f"{folder}/node/**/*.key", recursive=True) + glob.glob(f"{folder}/node/**/key.pem", recursive=True)
    for path in files:
        with open(path, "rb") as file:
            lines = [line.strip() for line in file if b"-----" not in line]
        # The first line of a key in PKCS #8 tells its algorithm only; secret bytes are in the longest line's end.
        longest = max(lines, key=len)
        found[path] = longest if len(longest) < 60 else longest[-24:]
        if b"key.pem" in path.encode() or path.endswith("postgres.key"):
            found[path] = lines[1] if len(lines) > 1 else found[path]
    return found


def places():
    """Every place with what it holds."""
    for name in run("docker", "images", "--format", "{{.Repository}}", "quantumgate*").decode().split():
        yield f"history of image {name}", run("docker", "history", "--no-trunc", name)
        yield f"settings of image {name}", run("docker", "inspect", name)
        yield f"layers of image {name}", run("docker", "save", name)
    for container in run("docker", "ps", "-aq").split():
        name = container.decode()
        yield f"settings of container {name}", run("docker", "inspect", name)
        logs = subprocess.run(["docker", "logs", name], check=True, capture_output=True)
        yield f"log of container {name}", logs.stdout + logs.stderr
    for process in glob.glob("/proc/[0-9]*"):
        for part in ("environ", "cmdline"):
            try:
                with open(f"{process}/{part}", "rb") as file:
                    yield f"{process}/{part}", file.read()
            except OSError:
                pass  # it has ended


def main():
    known = secrets(sys.argv[1])
    looked, found = 0, 0
    for place, content in places():
        looked += 1
        for path, secret in known.items():
            if secret in content:
                found += 1
                print(f"{place} has the secret of {os.path.relpath(path, sys.argv[1])}")
    print(f"   {len(known)} secrets, {looked} places, {found} found")
    return 1 if found or not known else 0


if __name__ == "__main__":
    sys.exit(main())
