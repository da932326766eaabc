"""Prints, as JSON, what Airflow makes of the environment it is started in and of command lines on standard input."""

import contextlib
import json
import os
import sys


def main() -> None:
    """Read the configuration as every component does."""
    # Airflow says things on standard output when it is imported.
    with contextlib.redirect_stdout(sys.stderr):
        from airflow.cli.cli_parser import get_parser
        from airflow.configuration import conf
        from airflow.providers_manager import ProvidersManager
        from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

        ProvidersManager().initialize_providers_configuration()
        known = conf.configuration_description
        names = [name.removeprefix("AIRFLOW__").split("__") for name in os.environ if name.startswith("AIRFLOW__")]
        options = {f"{section}.{key}".lower(): (section.lower(), key.lower()) for section, key in names}
        commands = {key: place for key, place in options.items() if key.endswith("_cmd")}
        plain = options.keys() - commands.keys()
        backends = ensure_secrets_backend_loaded()
        found = {
            "unknown": [key for key in plain if options[key][1] not in known[options[key][0]]["options"]],
            "not_sensitive": [
                key
                for key, (section, name) in commands.items()
                if (section, name.removesuffix("_cmd")) not in conf.sensitive_config_values
            ],
            "values": {
                key.removesuffix("_cmd"): conf.get(section, name.removesuffix("_cmd"))
                for key, (section, name) in options.items()
            },
            "connections": {
                name: next(filter(None, (each.get_connection(name) for each in backends))).get_uri()
                for name in ("sqp_postgres", "sqp_bigquery")
            },
            "commands": [get_parser().parse_args(words).subcommand for words in json.load(sys.stdin)],
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
