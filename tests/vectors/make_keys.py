#!/usr/bin/env python3
"""Makes tests/vectors/keys: key files of ssh-keygen, openssl and puttygen, and files with one fault each.

    python3 tests/vectors/make_keys.py [FOLDER]

The keys are new in every run and protect nothing. cases.tsv says what the service must answer to each file; a test
(tests/it/key_corpus.rs) reads it. To add a case by hand, add a file and a line; to have it made here again, a call.

Columns: file, field (public or private), passphrase ("-": none), allowed ("-", or "dsa" where a policy allows it), row of
the table of bad inputs ("-": none), answer: the SHA256 fingerprint that ssh-keygen prints, or the reason of the refusal.
"""

import base64
import hashlib
import re
import struct
import subprocess
import sys
from pathlib import Path

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "keys")
PASSPHRASE = "correct horse"
TYPES = {
    "ed25519": ["-t", "ed25519"],
    "p256": ["-t", "ecdsa", "-b", "256"],
    "p384": ["-t", "ecdsa", "-b", "384"],
    "p521": ["-t", "ecdsa", "-b", "521"],
    "rsa": ["-t", "rsa", "-b", "2048"],
    "dsa": ["-t", "dsa"],
}
OPENSSH_CIPHERS = [
    "aes128-ctr", "aes192-ctr", "aes256-ctr", "aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc",
    "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com",
]  # fmt: skip
cases = []


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    work = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    (work / "pass").write_text(PASSPHRASE)
    (work / "none").write_text("")
    keys = {name: made(work / name, args) for name, args in TYPES.items()}
    for name, key in keys.items():
        of_openssh(work, name, key)
        of_openssl(work, name, key)
        of_puttygen(work, name, key)
        public_forms(work, name, key)
    at_the_bounds(work, keys)
    oddities(work, keys)
    security_keys()
    texts_of_public_keys(keys)
    blobs_of_public_keys()
    frames_of_private_keys(keys)
    openssh_files(keys)
    derivations(work, keys)
    ders(work, keys)
    ppk_files()
    lines = ["\t".join(case) for case in sorted(cases)]
    head = "# file\tfield\tpassphrase\tallowed\trow\tanswer"
    (OUT / "cases.tsv").write_text("\n".join([head, *lines]) + "\n")
    subprocess.run(["rm", "-r", work], check=True)
    print(f"{len(cases)} cases in {OUT}")


# -- running tools -----------------------------------------------------------------------------------------------------


def run(*command, stdin=None):
    done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr.decode()}")
    return done.stdout


def made(path, args):
    """A key of ssh-keygen: its path, its public line, its fingerprint."""
    run("ssh-keygen", "-q", *args, "-N", "", "-C", "made by ssh-keygen", "-f", path)
    line = path.with_suffix(".pub").read_text().strip()
    return {"path": path, "line": line, "fingerprint": run("ssh-keygen", "-l", "-f", path).decode().split()[1]}


def again(key, *args):
    """The same key, written anew by ssh-keygen -p."""
    copy = key["path"].with_name("copy")
    copy.write_bytes(key["path"].read_bytes())
    copy.chmod(0o600)
    run("ssh-keygen", "-q", "-p", "-P", "", "-f", copy, *args)
    return copy.read_bytes()


def add(file, content, answer, field="private", passphrase=None, allowed=None, row="-"):
    content = content.encode() if isinstance(content, str) else content
    (OUT / file).write_bytes(content)
    cases.append((file, field, passphrase or "-", allowed or "-", str(row), answer))


def allowed(name):
    return "dsa" if name == "dsa" else None


# -- good files --------------------------------------------------------------------------------------------------------


def of_openssh(work, name, key):
    answer = key["fingerprint"]
    add(f"openssh-{name}", key["path"].read_bytes(), answer, allowed=allowed(name), row=110)
    ciphers = OPENSSH_CIPHERS if name == "ed25519" else ["aes256-ctr"]
    for cipher in ciphers:
        text = again(key, "-N", PASSPHRASE, "-a", 4, "-Z", cipher)
        short = cipher.replace("@openssh.com", "")
        add(f"openssh-{name}-{short}", text, answer, passphrase=PASSPHRASE, allowed=allowed(name), row=105)
    if name == "ed25519":
        return
    for form in ("PEM", "PKCS8"):
        for passphrase in ("", PASSPHRASE):
            text = again(key, "-N", passphrase, "-m", form)
            file = f"keygen-{form.lower()}-{name}" + ("-locked" if passphrase else "")
            add(file, text, answer, passphrase=passphrase or None, allowed=allowed(name), row=110)


def of_openssl(work, name, key):
    answer, kind = key["fingerprint"], allowed(name)
    if name == "ed25519":
        pem = work / "ed25519.pem"
        pem.write_bytes(pkcs8_of_ed25519(key))
    else:
        pem = work / f"{name}.pem"
        pem.write_bytes(again(key, "-N", "", "-m", "PKCS8"))
    text = run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", pem)
    add(f"openssl-pkcs8-{name}", text, answer, allowed=kind, row=110)
    locks = {"pbkdf2-sha256-aes256": ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256"]}
    if name == "p256":
        for bits in ("128", "192"):
            locks[f"pbkdf2-sha256-aes{bits}"] = ["-v2", f"aes-{bits}-cbc", "-v2prf", "hmacWithSHA256"]
        for hash_name in ("SHA1", "SHA224", "SHA384", "SHA512"):
            locks[f"pbkdf2-{hash_name.lower()}-aes256"] = ["-v2", "aes-256-cbc", "-v2prf", f"hmacWith{hash_name}"]
        locks["pbkdf2-sha1-des3"] = ["-v2", "des3", "-v2prf", "hmacWithSHA1"]
        locks["scrypt-aes256"] = ["-v2", "aes-256-cbc", "-scrypt"]
        locks["pbkdf2-1000000"] = ["-v2", "aes-256-cbc", "-iter", "1000000"]
    for lock, args in locks.items():
        text = run("openssl", "pkcs8", "-topk8", *args, "-passout", f"file:{work / 'pass'}", "-in", pem)
        add(f"openssl-pkcs8-{name}-{lock}", text, answer, passphrase=PASSPHRASE, allowed=kind, row=109)
    if name not in ("rsa", "p256", "p521", "dsa"):
        return
    tool = {"rsa": ["rsa", "-traditional"], "dsa": ["dsa"]}.get(name, ["ec"])
    add(f"openssl-pem-{name}", run("openssl", *tool, "-in", pem), answer, allowed=kind, row=110)
    ciphers = ["aes128", "aes192", "aes256", "des3"] if name in ("rsa", "p256") else ["aes128"]
    for cipher in ciphers:
        text = run("openssl", *tool, f"-{cipher}", "-passout", f"file:{work / 'pass'}", "-in", pem)
        add(f"openssl-pem-{name}-{cipher}", text, answer, passphrase=PASSPHRASE, allowed=kind, row=108)


def of_puttygen(work, name, key):
    answer, kind = key["fingerprint"], allowed(name)
    for version in (2, 3):
        text = puttygen(work, key, f"version={version}")
        add(f"ppk{version}-{name}", text, answer, allowed=kind, row=113)
        locks = {"": ""}
        if version == 3:
            locks = {"": "kdf=argon2id"}
            if name == "ed25519":
                locks |= {"-argon2i": "kdf=argon2i", "-argon2d": "kdf=argon2d"}
        for lock, param in locks.items():
            params = ",".join(filter(None, [f"version={version}", param, "passes=3" if version == 3 else ""]))
            text = puttygen(work, key, params, work / "pass")
            add(f"ppk{version}-{name}-locked{lock}", text, answer, passphrase=PASSPHRASE, allowed=kind, row=113)


def puttygen(work, key, params, passphrase=None):
    new = passphrase or work / "none"
    run(
        "puttygen", key["path"], "-O", "private", "--ppk-param", params, "--old-passphrase", work / "none",
        "--new-passphrase", new, "-o", work / "out.ppk",
    )  # fmt: skip
    return (work / "out.ppk").read_bytes()


def public_forms(work, name, key):
    answer, kind = key["fingerprint"], allowed(name)
    word, body, comment = key["line"].split(" ", 2)
    public = key["path"].with_suffix(".pub")
    add(f"line-{name}.pub", key["line"] + "\n", answer, "public", allowed=kind)
    add(f"line-{name}-no-comment.pub", f"{word} {body}", answer, "public", allowed=kind)
    forms = {"rfc4716": run("ssh-keygen", "-e", "-m", "RFC4716", "-f", public)}
    forms["rfc4716-puttygen"] = run("puttygen", key["path"], "-O", "public")
    if name != "ed25519":
        forms["spki"] = run("ssh-keygen", "-e", "-m", "PKCS8", "-f", public)
    else:
        forms["spki"] = run("openssl", "pkey", "-pubout", stdin=pkcs8_of_ed25519(key))
    if name == "rsa":
        forms["pkcs1"] = run("ssh-keygen", "-e", "-m", "PEM", "-f", public)
    for form, text in forms.items():
        add(f"{form}-{name}.pub", text, answer, "public", allowed=kind, row=52)
    if name == "dsa":
        for form, text in {"line": key["line"], **forms}.items():
            add(f"refused-{form}-dsa.pub", text, "WEAK_DSA", "public", row=56)
        for form in ("openssh-dsa", "keygen-pem-dsa", "openssl-pkcs8-dsa", "ppk3-dsa"):
            add(f"refused-{form}", (OUT / form).read_bytes(), "WEAK_DSA", row=103)


def at_the_bounds(work, keys):
    """The most that a derivation may cost."""
    key = keys["ed25519"]
    text = again(key, "-N", PASSPHRASE, "-a", 64)
    add("most-bcrypt-64-rounds", text, key["fingerprint"], passphrase=PASSPHRASE, row=106)
    text = puttygen(work, key, "version=3,memory=65536,passes=16", work / "pass")
    add("most-argon2-64-mib-16-passes", text, key["fingerprint"], passphrase=PASSPHRASE, row=113)
    # What puttygen measures for itself on a quick machine, and the most passes of that memory.
    for passes in (21, 128):
        text = puttygen(work, key, f"version=3,memory=8192,passes={passes}", work / "pass")
        add(f"most-argon2-8-mib-{passes}-passes", text, key["fingerprint"], passphrase=PASSPHRASE, row=113)
    for name, (n, r, p) in {"most-scrypt-64-mib": (2**16, 8, 1), "most-scrypt-p-2": (2**16, 8, 2)}.items():
        salt = b"s" * 16
        derived = hashlib.scrypt(PASSPHRASE.encode(), salt=salt, n=n, r=r, p=p, maxmem=1 << 28, dklen=32)
        parameters = sequence(octets(salt), integer(n), integer(r), integer(p))
        text = pbes2(sequence(oid(SCRYPT), parameters), derived, unpem(pkcs8_of_ed25519(key).decode()))
        add(name, text, key["fingerprint"], passphrase=PASSPHRASE, row=109)


def pbes2(kdf, derived, plain):
    """Encrypted PKCS#8 with the key that somebody else derived."""
    iv = b"i" * 16
    encrypted = run("openssl", "enc", "-aes-256-cbc", "-K", derived.hex(), "-iv", iv.hex(), stdin=plain)
    algorithm = sequence(oid(PBES2), sequence(kdf, sequence(oid(AES_256_CBC), octets(iv))))
    return pem("ENCRYPTED PRIVATE KEY", sequence(algorithm, octets(encrypted)))


def oddities(work, keys):
    """What is rare and sound."""
    key, answer = keys["ed25519"], keys["ed25519"]["fingerprint"]
    named = key["path"].with_name("named")
    named.write_bytes(key["path"].read_bytes())
    named.chmod(0o600)
    run("ssh-keygen", "-q", "-c", "-C", "Schl\u00fcssel \u5bc6\u94a5 (alt)", "-f", named)
    add("openssh-comment-of-many-scripts", named.read_bytes(), answer)
    add("ppk3-comment-of-many-scripts", puttygen(work, {"path": named}, "version=3"), answer, row=113)
    run("ssh-keygen", "-q", "-c", "-C", "", "-f", named)
    add("openssh-no-comment", named.read_bytes(), answer)
    # A seed with zeros at its end: PuTTY writes it shorter than 32 bytes.
    seed = b"\7" * 30 + b"\0\0"
    spki = run("openssl", "pkey", "-pubout", "-outform", "DER", stdin=pkcs8_of_seed(seed))
    point = spki[-32:]
    public = strings(b"ssh-ed25519", point)
    private = strings(b"ssh-ed25519", point, seed + point)
    frame = {"magic": b"openssh-key-v1\0", "cipher": b"none", "kdf": b"none", "options": b"", "keys": 1, "trailing": b""}
    named.write_text(openssh(**frame, public=public, section=section(private)))
    named.with_suffix(".pub").unlink()  # ssh-keygen -l would look there
    answer = run("ssh-keygen", "-l", "-f", named).decode().split()[1]
    add("openssh-short-seed", named.read_bytes(), answer)
    add("ppk3-short-seed", puttygen(work, {"path": named}, "version=3"), answer, row=113)
    text = puttygen(work, {"path": named}, "version=3,passes=1", work / "pass")
    add("ppk3-short-seed-locked", text, answer, passphrase=PASSPHRASE, row=113)
    # RFC 4716 section 3.6: other headers, and one that runs over two lines.
    rfc = (OUT / "rfc4716-rsa.pub").read_text()
    headers = 'Subject: me\nComment: "two \\\nlines"\nx-command: lock-in-guest\n'
    text = re.sub("Comment: .*\n", lambda _: headers, rfc)
    add("rfc4716-rsa-headers.pub", text, keys["rsa"]["fingerprint"], "public", row=52)
    add("rfc4716-rsa-crlf.pub", rfc.replace("\n", "\r\n"), keys["rsa"]["fingerprint"], "public", row=52)
    spki = (OUT / "spki-p521.pub").read_text().replace("\n", "\r\n")
    add("spki-p521-crlf.pub", spki, keys["p521"]["fingerprint"], "public", row=52)


def security_keys():
    """Public halves as OpenSSH's PROTOCOL.u2f has them; no authenticator is at hand to make one."""
    made_ed = (OUT / "line-ed25519.pub").read_text().split()[1]
    made_ec = (OUT / "line-p256.pub").read_text().split()[1]
    ed = base64.b64decode(made_ed)[-32:]
    ec = base64.b64decode(made_ec)[-65:]
    for name, parts in {
        "sk-ssh-ed25519@openssh.com": [ed, b"ssh:"],
        "sk-ecdsa-sha2-nistp256@openssh.com": [b"nistp256", ec, b"ssh:"],
    }.items():
        line = public_line(name, strings(name.encode(), *parts))
        answer = run("ssh-keygen", "-l", "-f", "-", stdin=line.encode()).decode().split()[1]
        add(f"line-{name.split('@')[0]}.pub", line, answer, "public", row=55)
    name = "sk-ssh-ed25519@openssh.com"
    no_application = public_line(name, strings(name.encode(), ed))
    add("bad-sk-without-application.pub", no_application, "PUBLIC_KEY_MALFORMED", "public", row=48)


# -- files with one fault ----------------------------------------------------------------------------------------------


def texts_of_public_keys(keys):
    line = keys["p256"]["line"]
    word, body, _ = line.split(" ", 2)
    other = keys["ed25519"]["line"]
    rfc = (OUT / "rfc4716-rsa.pub").read_text()
    spki = (OUT / "spki-p256.pub").read_text()

    def bad(row, name, text, reason):
        add(f"bad-{row}-{name}.pub", text, reason, "public", row=row)

    malformed = "PUBLIC_KEY_MALFORMED"
    bad(29, "empty", "", malformed)
    bad(30, "no-type", body, malformed)
    bad(31, "unknown-type", f"ssh-foo {body}", "PUBLIC_KEY_UNSUPPORTED_TYPE")
    bad(32, "own-type", f"foo@example.com {body}", "PUBLIC_KEY_UNSUPPORTED_TYPE")
    bad(33, "other-type", f"ssh-rsa {body}", "PUBLIC_KEY_TYPE_MISMATCH")
    bad(34, "capitals", f"{word.upper()} {body}", "PUBLIC_KEY_UNSUPPORTED_TYPE")
    bad(35, "signature-name", f"rsa-sha2-512 {body}", "PUBLIC_KEY_UNSUPPORTED_TYPE")
    bad(36, "options", f'command="id" {line}', "PUBLIC_KEY_OPTIONS_NOT_ALLOWED")
    bad(37, "two-lines", f"{line}\n{other}\n", "PUBLIC_KEY_MULTIPLE_KEYS")
    bad(38, "newline-in-comment", f"{line}\nssh-rsa AAAA evil", "PUBLIC_KEY_MULTIPLE_KEYS")
    bad(37, "two-rfc4716", rfc + rfc, "PUBLIC_KEY_MULTIPLE_KEYS")
    bad(37, "two-spki", spki + spki, "PUBLIC_KEY_MULTIPLE_KEYS")
    bad(39, "nul-in-comment", f"{line} a\0b", "PUBLIC_KEY_COMMENT_INVALID")
    bad(40, "escape-in-comment", f"{line} \x1b[31m", "PUBLIC_KEY_COMMENT_INVALID")
    bad(40, "escape-in-rfc4716", rfc.replace('Comment: "', 'Comment: "\x1b[31m'), "PUBLIC_KEY_COMMENT_INVALID")
    bad(42, "long-comment", f"{line} {'c' * 1025}", "PUBLIC_KEY_TOO_LARGE")
    bad(45, "unpadded", f"{word} {body.rstrip('=')}", malformed)
    bad(46, "url-safe", f"{word} {body.replace('AAAA', 'AA-_', 1)}", malformed)
    bad(46, "blank-inside", f"{word} {body.replace('AAAA', 'AAAA ', 1)}", malformed)
    bad(47, "tail-bits", f"{word} {body[:-2]}B=", malformed)
    bad(51, "huge", f"ssh-rsa {'A' * (20 << 10)}", "PUBLIC_KEY_TOO_LARGE")
    bad(52, "rfc4716-cut-off", rfc[: rfc.index("---- END")], malformed)
    bad(52, "rfc4716-text-after", rfc + "hello\n", malformed)
    bad(52, "spki-text-before", "hello\n" + spki, malformed)
    bad(52, "spki-indented", spki.replace("\n", "\n  "), malformed)
    bad(52, "spki-labels-differ", spki.replace("END PUBLIC", "END RSA PUBLIC"), malformed)
    bad(52, "certificate", spki.replace("PUBLIC KEY", "CERTIFICATE"), "PUBLIC_KEY_UNSUPPORTED_FORMAT")
    bad(53, "private-openssh", (OUT / "openssh-p256").read_text(), "PRIVATE_KEY_IN_PUBLIC_FIELD")
    bad(53, "private-pkcs8", (OUT / "openssl-pkcs8-p256").read_text(), "PRIVATE_KEY_IN_PUBLIC_FIELD")
    bad(53, "private-ppk", (OUT / "ppk3-p256").read_text(), "PRIVATE_KEY_IN_PUBLIC_FIELD")
    bad(54, "certificate-word", f"ssh-ed25519-cert-v01@openssh.com {body}", "PUBLIC_KEY_UNSUPPORTED_TYPE")
    for row, name, args in [
        (77, "secp256k1", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"]),
        (77, "p224", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-224"]),
        (77, "brainpool", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"]),
        (77, "x25519", ["-algorithm", "X25519"]),
        (77, "ed448", ["-algorithm", "ED448"]),
    ]:
        private = run("openssl", "genpkey", *args)
        public = run("openssl", "pkey", "-pubout", stdin=private)
        bad(row, f"spki-{name}", public.decode(), "PUBLIC_KEY_UNSUPPORTED_TYPE")
        add(f"bad-111-{name}", private, "PRIVATE_KEY_UNSUPPORTED_TYPE", row=111)
    small = run("openssl", "genrsa", "-traditional", "1024")
    bad(57, "spki-rsa-1024", run("openssl", "pkey", "-pubout", stdin=small).decode(), "WEAK_RSA_SIZE")
    add("bad-103-rsa-1024", small, "WEAK_RSA_SIZE", row=103)
    pss = run("openssl", "genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048")
    add("bad-111-rsa-pss", pss, "PRIVATE_KEY_UNSUPPORTED_TYPE", row=111)


def blobs_of_public_keys():
    point = bytes(range(32))

    def bad(row, name, blob, reason="PUBLIC_KEY_MALFORMED", word="ssh-ed25519"):
        add(f"bad-{row}-{name}.pub", public_line(word, blob), reason, "public", row=row)

    good = strings(b"ssh-ed25519", point)
    bad(48, "truncated", good[:40])
    bad(49, "trailing", good + b"\0")
    bad(50, "length-7fffffff", strings(b"ssh-ed25519") + struct.pack(">I", 0x7FFFFFFF) + point)
    bad(50, "length-ffffffff", strings(b"ssh-ed25519") + struct.pack(">I", 0xFFFFFFFF) + point)
    bad(78, "31-bytes", strings(b"ssh-ed25519", point[:31]))
    bad(78, "33-bytes", strings(b"ssh-ed25519", point + b"\0"))
    modulus = b"\xc5" * 256
    rsa = "ssh-rsa"
    bad(58, "rsa-16384", strings(b"ssh-rsa", b"\1\0\1", b"\0" + b"\xc5" * 2048), "RSA_TOO_LARGE", rsa)
    bad(63, "n-zero", strings(b"ssh-rsa", b"\1\0\1", b""), word=rsa)
    bad(63, "n-negative", strings(b"ssh-rsa", b"\1\0\1", modulus), word=rsa)
    bad(64, "needless-zero", strings(b"ssh-rsa", b"\1\0\1", b"\0\0" + modulus), word=rsa)
    p256 = base64.b64decode((OUT / "line-p256.pub").read_text().split()[1])
    mismatch = p256.replace(b"nistp256" + p256[-69:-65], b"nistp384" + p256[-69:-65])
    bad(76, "other-curve-inside", mismatch, "PUBLIC_KEY_TYPE_MISMATCH", "ecdsa-sha2-nistp256")


def frames_of_private_keys(keys):
    good = (OUT / "openssh-ed25519").read_text()
    lines = good.splitlines()

    def bad(row, name, text, reason="PRIVATE_KEY_MALFORMED"):
        add(f"bad-{row}-{name}", text, reason, row=row)

    bad(83, "empty", "")
    bad(83, "no-pem", "hello")
    bad(84, "public-line", keys["ed25519"]["line"])
    bad(84, "public-pem", (OUT / "spki-p256.pub").read_text())
    bad(85, "labels-differ", good.replace("END OPENSSH", "END RSA"))
    bad(86, "text-before", "hello\n" + good)
    bad(86, "text-after", good + "hello\n")
    bad(87, "two-blocks", good + good, "PRIVATE_KEY_MULTIPLE_KEYS")
    bad(88, "one-line", " ".join(lines))
    bad(88, "indented", good.replace("\n", "\n  "))
    bad(88, "comment-header", good.replace("\n", "\nComment: x\n\n", 1))
    answer = keys["ed25519"]["fingerprint"]
    add("crlf-openssh", good.replace("\n", "\r\n"), answer, row=89)
    add("no-last-newline-openssh", good.rstrip("\n"), answer, row=89)
    for name in ("ppk3-ed25519", "ppk3-ed25519-locked", "keygen-pem-rsa-locked"):
        text = (OUT / name).read_text()
        locked = PASSPHRASE if "locked" in name else None
        answer = keys["rsa" if "rsa" in name else "ed25519"]["fingerprint"]
        other = text.replace("\r\n", "\n") if "\r\n" in text else text.replace("\n", "\r\n")
        add(f"other-line-ends-{name}", other.rstrip("\r\n"), answer, passphrase=locked, row=89)
    bad(114, "huge", "A" * (40 << 10), "PRIVATE_KEY_TOO_LARGE")
    ssh_com = "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\n"
    bad(107, "ssh-com", ssh_com, "PRIVATE_KEY_UNSUPPORTED_FORMAT")


def openssh_files(keys):
    plain = parse_openssh((OUT / "openssh-ed25519").read_bytes())
    key = section_key(plain["section"])

    def bad(row, name, reason="PRIVATE_KEY_MALFORMED", passphrase=None, **parts):
        add(f"bad-{row}-{name}", openssh(**{**plain, **parts}), reason, passphrase=passphrase, row=row)

    bad(90, "magic", magic=b"openssh-key-v2\0")
    for number in (0, 2, 2**32 - 1):
        bad(91, f"nkeys-{number}", keys=number)
    bad(92, "check-numbers", "PRIVATE_KEY_CORRUPT", section=section(key, checks=(1, 2)))
    bad(93, "padding-wrong", section=section(key, padding=b"\1\2\4\4\5\6\7"))
    bad(93, "padding-missing", section=section(key, padding=b""))
    bad(93, "padding-255", section=section(key, fill=255))
    bad(94, "trailing", trailing=b"\0")
    other = keys["p256"]["line"].split()[1]
    bad(95, "outer-public", "PRIVATE_KEY_PUBLIC_MISMATCH", public=base64.b64decode(other))
    flipped = key[:-64] + bytes([key[-64] ^ 1]) + key[-63:]
    bad(96, "seed", "PRIVATE_KEY_PUBLIC_MISMATCH", section=section(flipped))
    bad(40, "comment-newline", "PRIVATE_KEY_COMMENT_INVALID", section=section(key, comment=b"a\nb"))
    kdf = strings(b"s" * 16) + struct.pack(">I", 16)
    locked = {"cipher": b"aes256-ctr", "kdf": b"bcrypt", "options": kdf, "section": b"\0" * 160}
    cipher = "PRIVATE_KEY_UNSUPPORTED_CIPHER"
    bad(104, "no-passphrase", "PASSPHRASE_REQUIRED", **locked)
    bad(105, "wrong-passphrase", "PASSPHRASE_WRONG", "wrong", **locked)
    bad(107, "unknown-cipher", cipher, **{**locked, "cipher": b"arcfour"})
    bad(107, "unknown-kdf", cipher, **{**locked, "kdf": b"scrypt"})
    bad(107, "cipher-without-kdf", cipher, **{**locked, "kdf": b"none", "options": b""})
    bad(107, "kdf-without-cipher", **{**locked, "cipher": b"none"})
    bad(107, "salt-0", cipher, **{**locked, "options": strings(b"") + struct.pack(">I", 16)})
    bad(107, "salt-20000", cipher, **{**locked, "options": strings(b"s" * 20000) + struct.pack(">I", 16)})
    bad(107, "rounds-0", cipher, **{**locked, "options": strings(b"s" * 16) + struct.pack(">I", 0)})
    for rounds in (65, 1024, 2**31 - 1):
        options = strings(b"s" * 16) + struct.pack(">I", rounds)
        bad(106, f"rounds-{rounds}", "KDF_TOO_COSTLY", PASSPHRASE, **{**locked, "options": options})
    bad(93, "not-whole-blocks", **{**locked, "section": b"\0" * 150})
    gcm = parse_openssh((OUT / "openssh-ed25519-aes256-gcm").read_bytes(), tag=16)
    bad(105, "gcm-tag", "PASSPHRASE_WRONG", PASSPHRASE, **{**gcm, "trailing": b"\0" * 16})
    bad(94, "gcm-without-tag", **{**gcm, "trailing": b""})
    for name in ("openssh-ed25519-3des-cbc", "openssh-ed25519-chacha20-poly1305", "openssh-rsa-aes256-ctr"):
        add(f"bad-105-{name}", (OUT / name).read_bytes(), "PASSPHRASE_WRONG", passphrase="wrong", row=105)


def derivations(work, keys):
    cipher, wrong, costly = "PRIVATE_KEY_UNSUPPORTED_CIPHER", "PASSPHRASE_WRONG", "KDF_TOO_COSTLY"

    def bad(row, name, text, reason, passphrase=PASSPHRASE):
        add(f"bad-{row}-{name}", text, reason, passphrase=passphrase, row=row)

    for name in ("openssl-pem-rsa-aes256", "openssl-pem-p256-des3", "openssl-pkcs8-p256-scrypt-aes256"):
        text = (OUT / name).read_text()
        bad(104, name, text, "PASSPHRASE_REQUIRED", None)
        bad(105, name, text, wrong, "wrong")
    legacy = (OUT / "openssl-pem-rsa-aes256").read_text()
    for other in ("DES-CBC", "CAMELLIA-256-CBC", "RC2-40-CBC", "AES-256-GCM", "none"):
        bad(108, f"dek-info-{other.lower()}", legacy.replace("AES-256-CBC", other), cipher)
    bad(108, "dek-info-iv-short", re.sub("(AES-256-CBC,.{8}).*", r"\1", legacy), "PRIVATE_KEY_MALFORMED")
    bad(108, "dek-info-iv-no-hex", re.sub("AES-256-CBC,..", "AES-256-CBC,xy", legacy), "PRIVATE_KEY_MALFORMED")
    bad(108, "dek-info-on-pkcs8", legacy.replace("RSA PRIVATE", "PRIVATE"), "PRIVATE_KEY_MALFORMED")
    bad(108, "proc-type-other", legacy.replace("4,ENCRYPTED", "4,MIC-ONLY"), "PRIVATE_KEY_MALFORMED")
    bad(108, "no-empty-line", legacy.replace("\n\n", "\n"), "PRIVATE_KEY_MALFORMED")
    salt, iv, data = octets(b"s" * 16), octets(b"i" * 16), b"\0" * 64
    sha256 = sequence(oid(HMAC_SHA256), NULL)

    def framed(kdf, scheme=None):
        scheme = scheme or sequence(oid(AES_256_CBC), iv)
        algorithm = sequence(oid(PBES2), sequence(kdf, scheme))
        return pem("ENCRYPTED PRIVATE KEY", sequence(algorithm, octets(data)))

    def pbkdf2(rounds, prf=sha256):
        return sequence(oid(PBKDF2), sequence(salt, integer(rounds), prf))

    def scrypt(n, r, p):
        return sequence(oid(SCRYPT), sequence(salt, integer(n), integer(r), integer(p)))

    bad(105, "pbes2-garbage", framed(pbkdf2(1000)), wrong)
    bad(109, "pbkdf2-1000001", framed(pbkdf2(1_000_001)), costly)
    bad(109, "pbkdf2-2-100", framed(pbkdf2(2**100)), costly)
    bad(109, "scrypt-128-mib", framed(scrypt(2**17, 8, 1)), costly)
    bad(109, "scrypt-r-large", framed(scrypt(2**10, 2**20, 1)), costly)
    bad(109, "scrypt-p-large", framed(scrypt(2**14, 8, 2**20)), costly)
    bad(109, "scrypt-n-odd", framed(scrypt(1000, 8, 1)), "PRIVATE_KEY_MALFORMED")
    bad(109, "pbkdf2-rounds-0", framed(pbkdf2(0)), "PRIVATE_KEY_MALFORMED")
    bad(107, "pbkdf2-unknown-hash", framed(pbkdf2(1000, sequence(oid((1, 2, 3)), NULL))), cipher)
    bad(107, "unknown-kdf-pkcs8", framed(sequence(oid((1, 2, 3)), sequence(salt))), cipher)
    bad(107, "unknown-cipher-pkcs8", framed(pbkdf2(1000), sequence(oid((1, 2, 3)), iv)), cipher)
    pbes1 = sequence(sequence(oid((1, 2, 840, 113549, 1, 5, 3)), sequence(salt, integer(1000))), octets(data))
    bad(107, "pbes1", pem("ENCRYPTED PRIVATE KEY", pbes1), cipher)
    bad(112, "pbes2-iv-short", framed(pbkdf2(1000), sequence(oid(AES_256_CBC), octets(b"i"))), "PRIVATE_KEY_MALFORMED")
    bad(107, "passphrase-of-plain", (OUT / "openssh-ed25519").read_text(), "PASSPHRASE_UNSUPPORTED")


def ders(work, keys):
    def bad(row, name, label, der, reason="PRIVATE_KEY_MALFORMED"):
        add(f"bad-{row}-{name}", pem(label, der), reason, row=row)

    pkcs1, pkcs8 = (unpem((OUT / name).read_text()) for name in ("openssl-pem-rsa", "openssl-pkcs8-rsa"))
    rsa, private = "RSA PRIVATE KEY", "PRIVATE KEY"
    bad(112, "der-trailing", rsa, pkcs1 + b"\0")
    bad(112, "der-indefinite", private, b"\x30\x80" + pkcs8[4:] + b"\0\0")
    bad(112, "der-long-length", private, b"\x30\x83\0" + pkcs8[2:])
    bad(112, "der-100-deep", private, nested(100))
    bad(112, "der-truncated", rsa, pkcs1[:-1])
    multi = pkcs1.replace(b"\x02\x01\x00", b"\x02\x01\x01", 1)
    bad(102, "multi-prime", rsa, multi, "PRIVATE_KEY_UNSUPPORTED_FORMAT")


def ppk_files():
    plain, locked = ((OUT / name).read_text() for name in ("ppk3-ed25519", "ppk3-ed25519-locked"))
    old = (OUT / "ppk2-rsa-locked").read_text()

    def bad(name, text, reason="PRIVATE_KEY_MALFORMED", passphrase=None, row=113):
        add(f"bad-{row}-{name}", text, reason, passphrase=passphrase, row=row)

    corrupt, costly = "PRIVATE_KEY_CORRUPT", "KDF_TOO_COSTLY"
    bad("ppk-mac", flip_last_hex(plain), corrupt)
    bad("ppk-comment-changed", plain.replace("Comment: ", "Comment: x"), corrupt)
    bad("ppk-locked-mac", flip_last_hex(locked), corrupt, PASSPHRASE)
    bad("ppk2-locked-mac", flip_last_hex(old), corrupt, PASSPHRASE)
    bad("ppk-wrong-passphrase", locked, "PASSPHRASE_WRONG", "wrong", row=105)
    bad("ppk2-wrong-passphrase", old, "PASSPHRASE_WRONG", "wrong", row=105)
    bad("ppk-no-passphrase", locked, "PASSPHRASE_REQUIRED", row=104)
    most = (OUT / "most-argon2-64-mib-16-passes").read_text()
    bad("ppk-passes-17", most.replace("Argon2-Passes: 16", "Argon2-Passes: 17"), costly, PASSPHRASE)
    bad("ppk-passes-129", locked.replace("Argon2-Passes: 3", "Argon2-Passes: 129"), costly, PASSPHRASE)
    bad("ppk-memory", locked.replace("Argon2-Memory: 8192", "Argon2-Memory: 65537"), costly, PASSPHRASE)
    bad("ppk-version-1", plain.replace("File-3", "File-1"), "PRIVATE_KEY_UNSUPPORTED_FORMAT")
    bad("ppk-cipher", plain.replace("Encryption: none", "Encryption: 3des"), "PRIVATE_KEY_UNSUPPORTED_CIPHER")
    bad("ppk-kdf", locked.replace("Argon2id", "scrypt"), "PRIVATE_KEY_UNSUPPORTED_CIPHER", PASSPHRASE)
    bad("ppk-cut-off", plain[: plain.index("Private-MAC")])
    bad("ppk-text-after", plain + "hello\n", row=86)
    bad("ppk-lines-huge", plain.replace("Private-Lines: 1", "Private-Lines: 4294967295"))
    bad("ppk-type-differs", plain.replace("File-3: ssh-ed25519", "File-3: ssh-rsa"))
    bad("ppk-header-missing", plain.replace("Comment:", "Remark:"))
    two = plain + plain
    bad("ppk-two", two, row=86)


# -- bytes -------------------------------------------------------------------------------------------------------------


def strings(*parts):
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def public_line(word, blob):
    return f"{word} {base64.b64encode(blob).decode()} c\n"


def pem(label, data):
    body = base64.b64encode(data).decode()
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def unpem(text):
    return base64.b64decode("".join(line for line in text.splitlines() if not line.startswith("-")))


def openssh(magic, cipher, kdf, options, keys, public, section, trailing):
    data = magic + strings(cipher, kdf, options) + struct.pack(">I", keys) + strings(public, section) + trailing
    return pem("OPENSSH PRIVATE KEY", data)


def parse_openssh(text, tag=0):
    data = unpem(text.decode())
    rest = data[15:]

    def next_string():
        nonlocal rest
        (length,) = struct.unpack(">I", rest[:4])
        found, rest = rest[4 : 4 + length], rest[4 + length :]
        return found

    cipher, kdf, options = next_string(), next_string(), next_string()
    rest = rest[4:]
    public, section = next_string(), next_string()
    assert len(rest) == tag
    parts = {"magic": data[:15], "cipher": cipher, "kdf": kdf, "options": options, "keys": 1}
    return {**parts, "public": public, "section": section, "trailing": rest}


def section_key(data):
    """The Ed25519 key of a private section: type, point, pair."""
    return data[8 : 8 + 4 + 11 + 4 + 32 + 4 + 64]


def section(key, checks=(7, 7), comment=b"c", padding=None, fill=0):
    data = struct.pack(">II", *checks) + key + strings(comment)
    if padding is None:
        count = (-len(data)) % 8
        while count < fill - 7:
            count += 8
        padding = bytes(n % 256 for n in range(1, count + 1))
    return data + padding


def pkcs8_of_ed25519(key):
    """openssl does not read OpenSSH's format, and ssh-keygen 9.2 writes Ed25519 in no other."""
    return pkcs8_of_seed(section_key(parse_openssh(key["path"].read_bytes())["section"])[-64:-32])


def pkcs8_of_seed(seed):
    return pem("PRIVATE KEY", sequence(integer(0), sequence(oid((1, 3, 101, 112))), octets(octets(seed)))).encode()


def flip_last_hex(text):
    text = text.rstrip()
    return text[:-1] + ("0" if text[-1] != "0" else "1") + "\n"


def nested(depth):
    data = b""
    for _ in range(depth):
        data = sequence(data)
    return data


def tlv(tag, data):
    if len(data) < 0x80:
        return bytes([tag, len(data)]) + data
    length = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + data


def sequence(*parts):
    return tlv(0x30, b"".join(parts))


def octets(data):
    return tlv(4, data)


def integer(number):
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(arcs):
    data = bytes([40 * arcs[0] + arcs[1]])
    for arc in arcs[2:]:
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        data += bytes(reversed(groups))
    return tlv(6, data)


NULL = tlv(5, b"")
PBES2 = (1, 2, 840, 113549, 1, 5, 13)
PBKDF2 = (1, 2, 840, 113549, 1, 5, 12)
SCRYPT = (1, 3, 6, 1, 4, 1, 11591, 4, 11)
HMAC_SHA256 = (1, 2, 840, 113549, 2, 9)
AES_256_CBC = (2, 16, 840, 1, 101, 3, 4, 1, 42)

if __name__ == "__main__":
    main()
