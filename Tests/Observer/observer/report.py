"""Judgements: one line each, and what they came to."""

from dataclasses import dataclass, field


@dataclass
class Judgement:
    """What was looked for, how much was looked at, and what was found: nothing, if all is well."""

    name: str
    looked_at: str
    findings: list[str] = field(default_factory=list)

    FINDINGS_SHOWN = 8

    @property
    def is_passed(self) -> bool:
        return not self.findings

    def lines(self) -> list[str]:
        shown = [f"       {finding}" for finding in self.findings[: self.FINDINGS_SHOWN]]
        if len(self.findings) > self.FINDINGS_SHOWN:
            shown.append(f"       and {len(self.findings) - self.FINDINGS_SHOWN} more")
        return [f"{'ok  ' if self.is_passed else 'FAIL'}   {self.name}: {self.looked_at}", *shown]

    def json(self) -> dict:
        return {
            "judgement": self.name, "passed": self.is_passed, "lookedAt": self.looked_at,
            "findings": self.findings[:100],
        }
