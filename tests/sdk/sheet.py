"""Claims by operation: what a script proves, and the table of operation x SDK x result that it can print.

A script ends with "NAME: N proved, M failed", as those of tests/py do. With --table it prints the table as Markdown
instead of one line for each claim; what fails is told either way.
"""

from place import Claims, arguments, place


class QuietClaims(Claims):
    """Claims that tell only what fails."""

    def that(self, holds, claim, otherwise=""):
        if holds:
            self.proved += 1
            return True
        return super().that(holds, claim, otherwise)


class Sheet:
    """The claims about one cloud, by operation."""

    def __init__(self, claims, place, cloud):
        self.claims = claims
        self.place = place
        self.cloud = cloud
        self.rows = {}
        self.row = None

    def operation(self, name, call):
        """From here on claims are about this operation, which is this call of the SDK."""
        self.row = self.rows.setdefault(name, {"call": call, "proved": 0, "failed": 0, "codes": [], "how": []})
        self.name = name

    def that(self, holds, claim, otherwise=""):
        """One claim about the operation."""
        self.row["proved" if holds else "failed"] += 1
        return self.claims.that(holds, f"{self.name}: {claim}", otherwise)

    def same(self, seen, wanted, claim):
        """Two values are equal."""
        return self.that(seen == wanted, claim, f"saw {seen!r}, wanted {wanted!r}")

    def works(self, call, claim):
        """A call goes well; its answer, or None."""
        try:
            answer = call()
        except Exception as fault:  # whatever the SDK makes of a refusal
            self.that(False, claim, f"{type(fault).__name__}: {str(fault)[-600:]}")
            return None
        self.that(True, claim)
        return answer

    def refused(self, call, read, wanted, claim):
        """A call is refused. `read` makes (is it the SDK's own, code, status) of what it raises; `wanted` is one
        (code, status), or several where the pages leave it open."""
        wanted = wanted if isinstance(wanted, list) else [wanted]
        try:
            answer = call()
        except Exception as fault:
            kind, code, status = read(fault)
            if self.that(
                (code, status) in wanted and kind, f"{claim} is {' or '.join(map(told, wanted))}", told_fault(fault)
            ):
                self.seen(code, status)
            return
        self.that(False, claim, f"was answered: {str(answer)[:200]}")

    def seen(self, code, status):
        """A code that the SDK raised."""
        if (code, status) not in self.row["codes"]:
            self.row["codes"].append((code, status))

    def only_refuses(self, why):
        """The operation is there and never does anything, by design."""
        self.row["why"] = why

    def also(self, how):
        """The operation was proved in this way too."""
        if how not in self.row["how"]:
            self.row["how"].append(how)

    def table(self, sdk, exception):
        """The table as Markdown."""
        place = "our face" if self.place.is_face else "the double"
        lines = [
            f"| {self.cloud}: operation | call of {sdk} | result at {place} | refusals, each as `{exception}` |",
            "|---|---|---|---|",
        ]
        for name, row in self.rows.items():
            result = f"works ({row['proved']} checks)" if not row["failed"] else f"{row['failed']} checks failed"
            if "why" in row and not row["failed"]:
                result = f"{row['why']} ({row['proved']} checks)"
            if row["how"]:
                result += "; by " + ", ".join(row["how"])
            codes = ", ".join(told(code) for code in row["codes"]) or "none provoked"
            lines.append(f"| {name} | `{row['call']}` | {result} | {codes} |")
        return "\n".join(lines)


def told(code):
    """A code, with its status where the cloud has real ones."""
    code, status = code
    return f"{code} {status}" if status else code


def told_fault(fault):
    return f"{type(fault).__name__}: {str(fault)[-600:]}"


def run(script, cloud, sdk, exception, body, description):
    """The main of a script: body(sheet, place)."""
    options = arguments(description, lambda parser: parser.add_argument("--table", action="store_true"))
    claims = (QuietClaims if options.table else Claims)(script)
    try:
        with place(options.at) as there:
            sheet = Sheet(claims, there, cloud)
            body(sheet, there)
            if options.table:
                print(sheet.table(sdk, exception))
    except Exception as fault:
        import traceback

        traceback.print_exc()
        claims.that(False, "the script came to its end", repr(fault)[:500])
    claims.end()
