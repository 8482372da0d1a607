"""`flywheel validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.console import Progress, json_option, note, open_workspace, out_console, print_json, say
from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    from flywheel_tui.stages.validate.base import Check
    from flywheel_tui.stages.validate.report import CheckReport, ValidationReport


@click.command()
@click.option("-d", "--dataset", help="The data set to validate.")
@click.option("--checks", metavar="A,B,…", help="Only these checks (default: all that fit; --list shows them).")
@click.option("--set", "settings", metavar="CHECK.OPTION=VALUE", multiple=True, help="Option of a check (repeatable).")
@click.option("--where", metavar="EXPR", help="Look only at the pairs that the expression matches.")
@click.option("--again", is_flag=True, help="Look at every pair again, not only at new and changed ones.")
@click.option(
    "--pii-policy", type=click.Choice(["strict", "warn", "off"]), help="Personal data: error, warning, or no check."
)
@click.option("--fail-on", type=click.Choice(["error", "warning", "never"]), default="error", show_default=True,
              help="Exit with 1 where there are findings this bad.")  # fmt: skip
@click.option("--report", metavar="PATH", help="Where the JSON report goes (default: reports/NAME/validation.json).")
@click.option("--every-finding", is_flag=True, help="List every finding in the report, not only examples.")
@click.option("--write-clean", metavar="PATH", help="Write the pairs without errors to a JSON Lines file.")
@click.option("--redact", is_flag=True, help="Put marks such as [EMAIL] in place of personal data and secrets there.")
@click.option("--helpers", type=click.IntRange(min=0), help="Processes that help (default: one a core, where it pays).")
@click.option("--force", is_flag=True, help="Overwrite the clean file where it is there already.")
@click.option("--list", "list_checks", is_flag=True, help="List the checks and their options.")
@json_option
@click.pass_context
def validate(ctx: click.Context, /, as_json: bool, list_checks: bool, **options: Any) -> None:
    """Run the checks over a data set. Only new and changed pairs are looked at; an interrupted run goes on."""
    if list_checks:
        _list(as_json)
        return
    if not options["dataset"]:
        raise UsageError("name the data set: flywheel validate -d NAME (flywheel dataset ls lists them)")
    report = _run(ctx, options)
    if as_json:
        print_json(report)
    else:
        _show(report)
    if not report.passed:
        ctx.exit(1)


def _run(ctx: click.Context, options: dict[str, Any]) -> ValidationReport:
    import msgspec

    from flywheel_tui.jobs import run_foreground
    from flywheel_tui.stages.validate.report import ValidationReport, absolute
    from flywheel_tui.store.datasets import get_dataset

    if options["redact"] and options["write_clean"] is None:
        raise UsageError("--redact says how the clean file is written; name one with --write-clean PATH")
    args = {name: value for name, value in options.items() if value is not None and name != "settings"}
    if options["checks"] is not None:
        args["checks"] = [name.strip() for name in options["checks"].split(",") if name.strip()]
    args["options"] = _settings(options["settings"])
    for name in ("report", "write_clean"):
        if name in args:
            args[name] = absolute(args[name])
    workspace = open_workspace(ctx)
    dataset = get_dataset(workspace.store.read(), options["dataset"])
    with Progress("Validating") as progress:
        result = run_foreground(
            workspace, "validate", args, title=f"validate {dataset.name}", dataset_id=dataset.id,
            on_progress=lambda now: progress.update(now.done, now.total, now.phase),
        )  # fmt: skip
    return msgspec.convert(result, ValidationReport)


def _settings(given: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """`CHECK.OPTION=VALUE` as options by check; a value is of the type of its default."""
    from flywheel_tui.stages.validate.base import named_checks

    found: dict[str, dict[str, Any]] = {}
    for one in given:
        path, sign, text = one.partition("=")
        name, dot, option = path.strip().partition(".")
        if not (sign and dot and name and option):
            raise UsageError(f"--set takes CHECK.OPTION=VALUE, e.g. length.max_chars=4000, not {one!r}")
        [check] = named_checks([name])
        found.setdefault(name, {})[option] = _value(check, option, text.strip())
    return found


def _value(check: type[Check], option: str, text: str) -> Any:
    import msgspec

    default = check.options.get(option)
    if isinstance(default, str):
        return text
    if isinstance(default, (list, tuple)) and not text.startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        if isinstance(default, bool):
            raise UsageError(f"{check.name}.{option} is true or false, not {text!r}") from None
        if isinstance(default, (int, float)):
            raise UsageError(f"{check.name}.{option} is a number, not {text!r}") from None
        return text


def _show(report: ValidationReport) -> None:
    say(f"Validation: {report.dataset}")
    say(f"  {'Total pairs':<18}{report.pairs:,}")
    for check in report.checks:
        if check.total or check.failed:
            say(f"  {check.name:<18}{check.total:,}")
    for severity, count in report.findings.items():
        say(f"  {'severity:' + severity:<18}{count:,}")
    for check in report.checks:
        for line in _remarks(check):
            note(line)
    for name, reason in report.skipped.items():
        note(f"{name} did not run: {reason}")
    say(f"Report: {report.report}")
    if report.clean is not None:
        redacted = f", {report.redactions:,} places redacted" if report.redactions is not None else ""
        say(f"Clean dataset written ({report.clean_pairs:,} pairs{redacted}): {report.clean}")


def _remarks(check: CheckReport) -> list[str]:
    lines = [f"{check.name} failed: {check.failed}"] if check.failed else []
    if check.could_not:
        lines.append(f"{check.name} could not look at {check.could_not:,} pairs; they have a finding that says why")
    return lines


def _list(as_json: bool) -> None:
    from flywheel_tui.stages.validate.base import load_checks

    checks = sorted(load_checks(True).values(), key=lambda check: check.name)
    if as_json:
        print_json([
            {"name": check.name, "about": check.about, "version": check.version, "default": check.default,
             "kinds": check.kinds, "compares": check.compares, "options": check.options}
            for check in checks
        ])  # fmt: skip
        return
    from rich.table import Table

    table = Table("check", "finds", "kinds", "default", "options")
    for check in checks:
        options = ", ".join(f"{name}={value}" for name, value in check.options.items())
        table.add_row(check.name, check.about, ", ".join(check.kinds) or "all", "yes" if check.default else "", options)
    out_console().print(table)
