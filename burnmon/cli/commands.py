"""The commands and their flags: one table that parsing and help come from."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Flag(NamedTuple):
    """A flag of one command, or of all."""

    names: tuple[str, ...]
    """How it is written, the long form last."""
    help: str
    kind: Literal["switch", "word", "number", "list"] = "switch"
    takes: str = ""
    """Placeholder of the value in the help."""
    choices: tuple[str, ...] = ()
    default: str = ""

    @property
    def dest(self) -> str:
        """Name in ``args``, in the environment and in the config file."""
        return self.names[-1].lstrip("-").replace("-", "_")


class Command(NamedTuple):
    """Something burnmon can be asked to do."""

    target: str
    """``module:function``, loaded when the command runs."""
    does: str
    """What it is for, in a line."""
    examples: tuple[str, ...]
    flags: tuple[Flag, ...] = ()
    more: str = ""
    """What a person should know beyond the flags."""
    json: str = ""
    """The keys of the JSON document, after those that every document starts with."""
    operand: str = ""
    """What may stand behind the flags, as a placeholder; empty if nothing."""


SHARED = (
    Flag(("-j", "--json"), "print one JSON document and nothing else"),
    Flag(
        ("-s", "--since"),
        "from: YYYY-MM-DD, YYYYMMDD, 2h, 7d, 4w, today, yesterday",
        "word",
        "WHEN",
    ),
    Flag(
        ("-u", "--until"), "to, that day included; written like --since", "word", "WHEN"
    ),
    Flag(
        ("-z", "--timezone"),
        "IANA zone for days and clock times, such as Europe/Berlin",
        "word",
        "ZONE",
    ),
    Flag(("--agent",), "only this agent", "word", "NAME", choices=("claude", "codex")),
    Flag(("--project",), "only projects whose directory contains this", "word", "TEXT"),
    Flag(
        ("--repo",), "only this repository: a work tree or a bare clone", "word", "PATH"
    ),
    Flag(
        ("--author",),
        "only commits of this author (default: user.email); repeatable",
        "list",
        "EMAIL",
    ),
    Flag(
        ("--path-map",),
        "a session recorded under OLD belongs to NEW; repeatable",
        "list",
        "OLD=NEW",
    ),
    Flag(("-O", "--offline"), "no network, whatever else is asked"),
    Flag(("--no-color",), "plain text"),
    Flag(("--config",), "read this config file", "word", "FILE"),
    Flag(("--data-dir",), "keep the ledger here", "word", "DIR"),
    Flag(("-v", "--version"), "print the version"),
    Flag(("-h", "--help"), "print this help"),
)
"""Flags that every command takes, before or after its name."""

USAGE_KEYS = (
    "requests, input_tokens, output_tokens, cache_write_5m_tokens,\n"
    "cache_write_1h_tokens, cache_read_tokens, cost_usd, unpriced_requests,\n"
    "incomplete_requests, web_searches"
)

COMMANDS = {
    "": Command(
        "burnmon.cli.live:run",
        "the live view: limits, burn and sessions, as they change",
        ("burnmon", "burnmon --demo", "burnmon --once | head -3"),
        (
            Flag(("--demo",), "show a recorded day that came with burnmon"),
            Flag(("-1", "--once"), "print one frame as text and end"),
            Flag(("--mouse",), "let the screen take the mouse"),
            Flag(
                ("--poll-usage",),
                "ask Anthropic for Claude's limits, with Claude Code's token",
            ),
            Flag(("--theme",), "colours of the screen, by name", "word", "NAME"),
        ),
    ),
    "status": Command(
        "burnmon.cli.status:run",
        "one line for the status bar of tmux",
        (
            "burnmon status --width 60",
            "burnmon status --format '{window} {used} {verdict} · {pace}'",
        ),
        (
            Flag(("--width",), "cells to fit into (default: 80)", "number", "N"),
            Flag(("--format",), "a template of your own", "word", "TEXT"),
        ),
        more="A template may name line, answer, level, window, used, verdict, resets,\n"
        "pace, today, burning and waiting; window to resets are of the binding window.",
        json="source: running | ledger | null, answer, answer_level,\n"
        "windows: [{label, agent, account, kind, window_minutes, used_percent,\n"
        "used_percent_live, resets_at, verdict, binding,\n"
        "exhausted_at: {p10, p50, p90} | null,\n"
        "exhaustion_probability}], missing: [{agent, reason, remedy}],\n"
        "cost_per_minute_usd, cost_today_usd, sessions_burning, sessions_waiting, pid",
    ),
    "statusline": Command(
        "burnmon.cli.statusline:run",
        "a status line for Claude Code, which records the limits it is told",
        ("burnmon setup claude --apply", "burnmon statusline < status.json"),
        more="Reads Claude Code's JSON on standard input. Never fails.",
    ),
    "collect": Command(
        "burnmon.cli.statusline:run",
        "the same recording in front of a status line of your own",
        ("burnmon collect | my-status-line",),
        more="Writes standard input to standard output, unchanged. Never fails.",
    ),
    "check": Command(
        "burnmon.cli.check:run",
        "whether work may go on, as an exit code for scripts and hooks",
        (
            "burnmon check && claude -p 'tidy the tests'",
            "burnmon check --chance 50 --agent claude",
            "burnmon setup hook --apply",
        ),
        (
            Flag(
                ("--chance",),
                "near from this chance of running out before the reset, in percent",
                "number",
                "N",
            ),
            Flag(("--used",), "near from this use, in percent", "number", "N"),
            Flag(
                ("--hook",),
                "answer as a hook of Claude Code: tells Claude, once per window",
            ),
        ),
        more="Prints nothing and ends with 0 fine, 10 near a limit, 11 limit reached,\n"
        "20 cannot tell, 30 no data. Without --chance and --used a limit is near when\n"
        "its verdict is watch or runs_out, or 90 % are used; with them, only as they\n"
        "say. Budgets count for every agent. --hook reads the hook's JSON on standard\n"
        "input, always ends with 0 and never fails.",
        json="exit_code, level: fine | near | reached | unknown | no_data,\n"
        "source: running | files, decided_by: a window as status has it | null,\n"
        "missing: [{agent, reason, remedy}]",
    ),
    "limits": Command(
        "burnmon.cli.limits:run",
        "every limit: used, reset, forecast, verdict",
        ("burnmon limits", "burnmon limits --check && claude -p 'tidy the tests'"),
        (Flag(("--check",), "print nothing; the exit code is the answer"),),
        more="--check ends with 0 fine, 10 near a limit, 11 limit reached,\n"
        "20 cannot tell, 30 no data.",
        json="windows: [{agent, account, kind, window_minutes, used_percent,\n"
        "used_percent_live, resets_at, observed_at, source, confidence,\n"
        "forecast: {used_percent_at_reset: {p10, p50, p90}, exhaustion_probability,\n"
        "exhausted_at: {p10, p50, p90} | null, method, confidence}, binding, verdict,\n"
        "label, resets_at_epoch, observed_at_epoch, reason, remedy,\n"
        "spent_usd, allowance_usd, unpriced_requests,\n"
        "exchange: {percent_per_usd, p25, p75, rises, windows, doubt} | null,\n"
        "headroom: {cost_usd, requests, like_last_requests, turns, like_turns,\n"
        "minutes} | null,\n"
        "extra_usage: {since, cost_usd} | null}]; budgets have the agent budget.\n"
        "missing: [{agent, reason, remedy, estimated_resets_at,\n"
        "estimated_resets_at_epoch}],\n"
        "credits: [{agent, account, spent_usd, allowance_usd, observed_at, source}]",
    ),
    "backtest": Command(
        "burnmon.cli.backtest:run",
        "past limits forecast again, and scored against what came of them",
        ("burnmon backtest", "burnmon backtest readings.jsonl --json > out.json"),
        more="Without FILE the ledger's own readings. A line of FILE is JSON:\n"
        "account, window, window_minutes, observed_at, used_percent, resets_at, with\n"
        "times in epoch seconds. A forecast uses nothing observed after its instant.",
        json="forecasts: [{agent, account, kind, resets_at, at, used_percent,\n"
        "p10, p50, p90, exhaustion_probability}],\n"
        "scores: {method: {points, windows, pinball, mae, coverage_80, brier}},\n"
        "reliability: [{from, to, points, foretold, reached}],\n"
        "warnings: [{agent, account, kind, resets_at, reached_at, known_at,\n"
        "warned_at, warned_minutes_before, times_raised,\n"
        "exhaustion_off_by_minutes}], windows",
        operand="FILE",
    ),
    "report": Command(
        "burnmon.cli.report:run",
        "tokens and dollars by day, session, model and more",
        (
            "burnmon report",
            "burnmon report --by model --since 7d",
            "burnmon report --by session --since today --json",
        ),
        (
            Flag(
                ("--by",),
                "what a row stands for (default: day)",
                "word",
                "KIND",
                (
                    "day",
                    "week",
                    "month",
                    "hour",
                    "session",
                    "model",
                    "project",
                    "branch",
                    "agent",
                    "issue",
                ),
                "day",
            ),
        ),
        json=f"rows: [{{key, agent?, model?, project?,\n{USAGE_KEYS}}}],\n"
        "totals: the same,\n"
        "dedup: {lines_seen, requests_kept, duplicates_dropped, lines_skipped,\n"
        "replays_set_aside} of the whole ledger, by, timezone, since, until,\n"
        "unpriced_models: {model: requests}, possibly_billed: as totals, of refused\n"
        "parts that are in no row, prices: {source, dated}",
    ),
    "review": Command(
        "burnmon.cli.review:run",
        "a day: its commits with what they cost, and what is in no commit",
        (
            "burnmon review",
            "burnmon review yesterday --md",
            "burnmon review 2026-11-20 --json",
        ),
        (Flag(("--md",), "Markdown, for a stand-up or a pull request"),),
        more="DAY is YYYY-MM-DD, today, yesterday, 3d or 2w, cut at midnight of the\n"
        "zone; a session over midnight is split by the time of its requests. All\n"
        "parts add up to the day. Only your own commits, unless --author names others.",
        json="day, timezone, commits: as links of burnmon commits, and title,\n"
        "requests, tokens, unpriced_tokens, cost_usd_all_days, branch, author,\n"
        "reference, removed_lines, state: on_main | not_merged | reverted |\n"
        "rewritten, state_words, survival_percent, of_day,\n"
        "unlinked: as of burnmon commits,\n"
        "groups: {branch | issue | project | model | hour: [{key, cost_usd,\n"
        "requests, unpriced_requests, tokens, unpriced_tokens, commits, minutes}]},\n"
        "totals: {cost_usd, linked_usd, unlinked_usd, requests, unpriced_requests,\n"
        "tokens, unpriced_tokens, commits, median_usd_per_commit,\n"
        "mean_usd_per_commit, adds_up},\n"
        "edits: {accepted, rejected, failed, accepted_percent}, cache_read_percent,\n"
        "cache_rebuilt_usd, notes, markdown",
        operand="DAY",
    ),
    "commits": Command(
        "burnmon.cli.commits:run",
        "which session made which commit, why one may say so, and what it cost",
        (
            "burnmon commits --since 7d",
            "burnmon commits --repo ~/src/api --json",
        ),
        more="Links are made from the agents' files and git alone. exact: the session\n"
        "made the commit itself; likely: its lines are in it; possible: a hint, for\n"
        "which nothing is charged. Without --repo all repositories that sessions\n"
        "worked in. Commits of the span's days take what was spent before them.",
        json="links: [{session_id, agent, repo, commit, subject, committed_at,\n"
        "confidence: exact | likely | possible, tier, probability, share_percent,\n"
        "evidence: [..], cost_usd, unpriced_requests, agent_lines, committed_lines,\n"
        "agent_percent}],\n"
        "unlinked: [{session_id, session_ids, repo, branch, reason: uncommitted |\n"
        "elsewhere | discarded | no_edits | no_repo, files, cost_usd,\n"
        "unpriced_requests}],\n"
        "totals: {cost_usd, linked_usd, unlinked_usd, requests, unpriced_requests,\n"
        "tokens}, notes",
    ),
    "why": Command(
        "burnmon.cli.why:run",
        "where a session's dollars went, and what made it dear",
        ("burnmon why", "burnmon why 0cf3db51 --json", "burnmon why --day today"),
        (
            Flag(("--day",), "a whole day instead: today, yesterday, …", "word", "DAY"),
            Flag(
                ("--shifts",),
                "what is no longer as it was since a version of the agent",
            ),
        ),
        more="SESSION is the beginning of a session's id; without it the newest.\n"
        "The parts add up to the cost. A cause is told if it is a tenth of it.\n"
        "--shifts compares your own sessions of the last half year, ten or more on\n"
        "each side of a version, and tells only what chance hardly does.",
        json="agent, session_id, title, project, cost_usd,\n"
        "parts_usd: {carried, rebuilt, added, thinking, output, searches},\n"
        "subagents_usd, unseen_subagents, cost_per_turn_usd,\n"
        "edits: {by_tool: [{tool, accepted, asked}], not_redone, told},\n"
        "requests, unpriced_requests, unpriced_tokens, cache_read_percent,\n"
        "cache_rebuilt_percent, sentence,\n"
        "turns: [{number, began_at, took_seconds, model, cost_usd, parts_usd,\n"
        "subagents_usd, requests, unpriced_requests, unpriced_tokens,\n"
        "context_tokens, calls, marks}],\n"
        "causes: [{kind, cost_usd, times, words, remedy, first_at, last_at, turns}],\n"
        "or shifts: [{agent, model, figure, version, since, before, after, ratio,\n"
        "sessions_before, sessions_after, chance_percent}]",
        operand="SESSION",
    ),
    "prices": Command(
        "burnmon.cli.prices:run",
        "the price table in force, its date and source",
        ("burnmon prices", "burnmon prices --refresh"),
        (
            Flag(
                ("--refresh",),
                "fetch a newer table from the network",
            ),
        ),
        json="source, dated, prices: [{model, valid_from, above_tokens, input_usd,\n"
        "output_usd, cache_read_usd, cache_write_5m_usd, cache_write_1h_usd,\n"
        "fast_factor, web_search_usd, origin}],\n"
        "in dollars per million tokens",
    ),
    "setup": Command(
        "burnmon.cli.setup:run",
        "connect Claude Code and tmux: shows the changes, makes them when asked",
        (
            "burnmon setup",
            "burnmon setup claude --apply",
            "burnmon setup hook --apply",
            "burnmon setup --undo",
        ),
        (
            Flag(("--apply",), "make the changes shown, and keep a backup"),
            Flag(("--undo",), "take them back"),
        ),
        more="Nothing is overwritten: a status line that is there already is kept\n"
        "and fed through a pipe, and hooks stay beside the new one. The hook tells\n"
        "Claude to wrap up when a limit is about to run out. It changes what the\n"
        "agent does, so it is made only when named: burnmon setup hook --apply.",
        json="applied, changes: [{target: claude | tmux | hook, file,\n"
        "action: add | pipe | remove | offer | none,\n"
        "done, before, after, note, backup}]",
    ),
    "doctor": Command(
        "burnmon.cli.doctor:run",
        "what was found, what was not, what is stale, what to do about it",
        ("burnmon doctor", "burnmon doctor --json"),
        more="Ends with 1 when something is broken.",
        json="findings: [{level: broken | warning | note, words, remedy}],\n"
        "places: [{agent, label, path, looked_for, exists, files, bytes, gone,\n"
        "newest_line_at, versions}],\n"
        "ledger: {path, failure, bytes, schema, followed, requests, oldest_at, dedup,\n"
        "incomplete, unpriced_models}, lines: {skipped, worst, unknown, unreadable},\n"
        "sources: [{agent, account, source, observed_at}],\n"
        "polling: {on, accounts: [{account, config_dir, asked_at, answered_at,\n"
        "next_at, trouble}]},\n"
        "wiring: [{file, connected, failure, cleanup_days}],\n"
        "prices: {source, dated, failure},\n"
        "alerts: {file, failure, channels, last: [{at, key, kind, level, text,\n"
        "project, subject, occasion_at, step, why, channels, held, outcome}]},\n"
        "machine: {watch_limit, directories, tmux, terminal, running_at}",
    ),
    "export": Command(
        "burnmon.cli.export:run",
        "the recorded facts, for other programs",
        (
            "burnmon export --since 30d > requests.json",
            "burnmon export --format csv > requests.csv",
        ),
        (
            Flag(
                ("--format",),
                "how to write it (default: json)",
                "word",
                "KIND",
                ("json", "csv"),
                "json",
            ),
            Flag(
                ("--what",),
                "which facts (default: requests)",
                "word",
                "KIND",
                ("requests", "readings"),
                "requests",
            ),
            Flag(("-o", "--output"), "write this file instead", "word", "FILE"),
        ),
        more="Cells of the CSV that a spreadsheet could run begin with an apostrophe.",
        json="requests: [{key, at, agent, session_id, subagent, model, speed, region,\n"
        "project, branch, input_tokens, output_tokens, cache_write_5m_tokens,\n"
        "cache_write_1h_tokens, cache_read_tokens, web_searches, incomplete,\n"
        "cost_usd, prices_dated}], or\n"
        "readings: [{agent, account, kind, window_minutes, used_percent, resets_at,\n"
        "observed_at, repeated_at, source}]",
    ),
}
"""Every command by name; the empty name is what happens without one."""
