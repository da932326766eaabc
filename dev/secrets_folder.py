"""`python3 -m dev.secrets_folder`: the files that docker-compose.yaml mounts as secrets. Needs nothing but Python."""

import argparse
import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any

DEMO = {
    "project": "sqp-demo",
    "is_anonymous": True,
    "api_endpoint": "http://bigquery:9050",
    "storage_api_endpoint": "bigquery:9060",
}


def contents(bigquery: dict[str, Any], key: str) -> dict[str, str]:
    """Return the files' contents by name: new random secrets, and the connections that use them."""
    # Hexadecimal, because they stand in URLs.
    names = ("metadata_password", "target_password", "redis_password", "api_secret_key", "jwt_secret")
    found = {name: secrets.token_hex(32) for name in names}
    found["fernet_key"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    target = {"conn_type": "postgres", "host": "target", "port": 5432, "login": "sqp", "schema": "sqp"}
    connections = {
        "sqp_postgres": target | {"password": found["target_password"]},
        "sqp_bigquery": {"conn_type": "gcpbigquery", "extra": bigquery | {"use_legacy_sql": False}},
    }
    return found | {"connections.json": json.dumps(connections, indent=2), "bigquery_key.json": key}


def write(folder: Path, files: dict[str, str]) -> None:
    """Write the files so that only their owner can read them.

    :raises FileExistsError: one of the files exists; then none is written.
    """
    for name in files:
        if (folder / name).exists():
            raise FileExistsError(
                f"{folder / name} exists: the databases may know its password. Nothing was written. "
                "To start again, delete the folder and the volumes (docker compose down --volumes)."
            )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in files.items():
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)


def main() -> None:
    """Write the folder that the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python3 -m dev.secrets_folder", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("secrets"), help="default: %(default)s")
    parser.add_argument("--bigquery-project", help="the Google Cloud project that runs and pays for the queries")
    parser.add_argument("--bigquery-key", type=Path, help="a service account's key file (JSON)")
    parser.add_argument("--demo", action="store_true", help="the sample figures of the profile demo instead")
    arguments = parser.parse_args()
    if arguments.demo == bool(arguments.bigquery_project and arguments.bigquery_key):
        parser.error("give --bigquery-project and --bigquery-key, or --demo alone. Nothing was written.")
    real = {"project": arguments.bigquery_project, "key_path": "/run/secrets/bigquery_key.json"}
    try:
        key = "{}" if arguments.demo else arguments.bigquery_key.read_text()
        write(arguments.folder, contents(DEMO if arguments.demo else real, key))
    except OSError as error:
        parser.exit(1, f"{error}\n")
    print(f"{arguments.folder}/ has the secrets; keep it out of backups that others can read.")


if __name__ == "__main__":
    main()
