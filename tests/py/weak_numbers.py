"""Makes weak keys, class by class, as flawed makers and attackers make them: own arithmetic, no code of the service.

Each maker yields Weak(text, private, reason, badkeys): the key text, whether it is a private one, the reason that the
service must give, and the name under which badkeys finds it (None: it does not know the class, or has no number to look
at). The randomness is seeded: a failure can be seen again.
"""

import base64
import hashlib
import random
import struct
from collections import namedtuple

import gmpy2

Weak = namedtuple("Weak", "what text private reason badkeys n e", defaults=(None, None))
E = 65537


def all_weak(seed):
    """Every class that needs nothing stored before."""
    makers = [
        close_primes, squares, roca, small_factors, prime_moduli, patterns, biased, sizes, exponents, curve_points,
        edwards_points, small_d, dsa, private_halves,
    ]  # fmt: skip
    return {maker.__name__: list(maker(random.Random(f"{seed} {maker.__name__}"))) for maker in makers}


def close_primes(rng):
    for count, bits in [(30, 2048), (6, 3072), (4, 4096)]:
        for _ in range(count):
            p = prime(rng, bits // 2)
            # Fermat needs (p - q)^2 / (8 sqrt(n)) steps.
            q = gmpy2.next_prime(p + rng.getrandbits(rng.randrange(8, bits // 4 + 4)))
            yield public("close primes", p * q, E, "RSA_CLOSE_PRIMES", None)


def squares(rng):
    for bits in [2048] * 8 + [4096] * 2:
        yield public("square", prime(rng, bits // 2) ** 2, E, "RSA_CLOSE_PRIMES", "fermat")


def roca(rng):
    for bits in [2048] * 24 + [4096] * 2:
        yield public("ROCA", roca_prime(rng, bits // 2) * roca_prime(rng, bits // 2), E, "RSA_ROCA", "roca")


def small_factors(rng):
    primes = [int(p) for p in small_primes()]
    for p in [2] * 8 + primes[1:12] + rng.sample(primes, 25) + primes[-3:]:
        n = p * ((rng.getrandbits(2048) | 3 << 2046) // p | 1)
        if n.bit_length() == 2048:
            yield public(f"factor {p}", n, E, "RSA_SMALL_FACTOR", "smallfactors")


def prime_moduli(rng):
    for bits in [2048] * 6 + [3072]:
        yield public("prime modulus", prime(rng, bits), E, "RSA_NOT_COMPOSITE", None)


def patterns(rng):
    for period in [1, 1, 1, 1, 2, 3, 4, 8, 16, 20, 32, 64]:
        block = rng.randbytes(period)
        # All over, and in the middle of a number that is random elsewhere.
        yield pattern(block * (256 // period + 1), period)
        length = 2 * period + 20
        random_bytes = rng.randbytes(256)
        yield pattern(random_bytes[:90] + (block * length)[:length] + random_bytes[90 + length :], period)


def biased(rng):
    for _ in range(24):
        few = rng.getrandbits(2048) & rng.getrandbits(2048)
        n = few if rng.random() < 0.5 else few ^ ((1 << 2048) - 1)
        yield public("biased bits", n | 1 << 2047 | 1, E, "RSA_PATTERN", ("rsabias", "rsapoly", "smallfactors"))


def sizes(rng):
    for bits in [512, 768, 1023, 1024, 1024, 1032, 1536, 2040, 2047, 2049, 2052, 3071, 3073, 4092]:
        yield public(f"{bits} bits", rng.getrandbits(bits) | 1 << bits - 1 | 1, E, "WEAK_RSA_SIZE", "rsawarnings")
    for bits in [8200, 8208, 9216, 12288, 16384, 32768]:
        yield public(f"{bits} bits", rng.getrandbits(bits) | 1 << bits - 1 | 1, E, "RSA_TOO_LARGE", "rsawarnings")


def exponents(rng):
    n = prime(rng, 1024) * prime(rng, 1024)
    small = [3, 5, 7, 17, 35, 37, 257, 65535]
    even = [2, 4, 65536, 65538, 1 << 20, (1 << 32) - 2]
    large = [(1 << 32) + 1, (1 << 33) + 1, (1 << 64) + 13, n - 2, n, n + 2, n * 3]
    for e in [0, 1, *small, *even, *large]:
        yield public(f"e = {e if e < 1 << 70 else 'about n'}", n, e, "RSA_BAD_EXPONENT", ("rsainvalid", "rsawarnings"))


CURVES = {
    "nistp256": (2**256 - 2**224 + 2**192 + 2**96 - 1, 32),
    "nistp384": (2**384 - 2**128 - 2**96 + 2**32 - 1, 48),
    "nistp521": (2**521 - 1, 66),
}


def curve_points(rng):
    for curve, (p, width) in CURVES.items():
        word = lambda number: int(number).to_bytes(width, "big")  # noqa: E731
        points = [b"\x04" + word(rng.randrange(p)) + word(rng.randrange(p)) for _ in range(6)]
        points += [b"\x04" + bytes(2 * width), b"\x00", b"\x02" + word(rng.randrange(p)), b"\x03" + word(rng.randrange(p))]
        if p.bit_length() % 8 == 0:
            points.append(b"\x04" + word(p + 1) + word(rng.randrange(p)))
        for point in points:
            blob = strings(f"ecdsa-sha2-{curve}".encode(), curve.encode(), point)
            yield Weak(f"{curve}: no point", line(f"ecdsa-sha2-{curve}", blob), False, "EC_POINT_INVALID", None)


def edwards_points(rng):
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    base_y = 4 * pow(5, -1, p) % p
    # Of small order: y of order 1, 2, 4 and 8; each with both signs, canonical or not.
    order8 = [0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
              0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7]  # fmt: skip
    encodings = [y | sign << 255 for y in [0, 1, p - 1, *order8] for sign in (0, 1)]
    encodings += [y | sign << 255 for y in range(p, p + 19) for sign in (0, 1)]  # not below p
    while len(encodings) < 70:  # off the curve, or in a coset of the group of keys
        y = rng.randrange(p)
        if not on_curve(y, p, d) or multiply(y, p, d) is not None:
            encodings.append(y | rng.randrange(2) << 255)
    assert on_curve(base_y, p, d) and multiply(base_y, p, d) is None  # the base point itself is sound
    for number in encodings:
        blob = strings(b"ssh-ed25519", number.to_bytes(32, "little"))
        yield Weak("Ed25519: no point", line("ssh-ed25519", blob), False, "ED25519_POINT_INVALID", None)


def small_d(rng):
    for bits in [17, 64, 256, 400, 600]:
        p, q = prime(rng, 1024), prime(rng, 1024)
        d = rng.getrandbits(bits) | 1 << bits - 1 | 1
        yield Weak(f"d of {bits} bits", pkcs1(p * q, E, d, p, q), True, "RSA_WEAK_D", None)


def dsa(rng):
    for _ in range(3):
        p, q = rng.getrandbits(1024) | 1 << 1023 | 1, rng.getrandbits(160) | 1 << 159 | 1
        blob = strings(b"ssh-dss", mpint(p), mpint(q), mpint(rng.randrange(p)), mpint(rng.randrange(p)))
        yield Weak("DSA", line("ssh-dss", blob), False, "WEAK_DSA", None)


def private_halves(rng):
    """What is weak stays weak when its whole private key comes along."""
    for _ in range(8):
        p, q = roca_prime(rng, 1024), roca_prime(rng, 1024)
        yield Weak("ROCA, private", pkcs1(p * q, E, inverse_e(p, q), p, q), True, "RSA_ROCA", None)
    for _ in range(8):
        p = prime(rng, 1024)
        q = gmpy2.next_prime(p + rng.getrandbits(500))
        yield Weak("close primes, private", pkcs1(p * q, E, inverse_e(p, q), p, q), True, "RSA_CLOSE_PRIMES", None)
    for small in [3, 5, 251, 65519]:
        q = gmpy2.next_prime((rng.getrandbits(2048) | 3 << 2046) // small)
        text = pkcs1(small * q, E, inverse_e(small, q), small, q)
        yield Weak(f"factor {small}, private", text, True, "RSA_SMALL_FACTOR", None)
    for _ in range(2):
        n = prime(rng, 2048)
        yield Weak("prime modulus, private", pkcs1(n, E, pow(E, -1, n - 1), 1, n), True, "RSA_NOT_COMPOSITE", None)


def public(what, n, e, reason, badkeys):
    n, e = int(n), int(e)
    blob = strings(b"ssh-rsa", mpint(e), mpint(n))
    return Weak(what, line("ssh-rsa", blob), False, reason, badkeys, n, e)


def pattern(number, period):
    n = int.from_bytes(number[:256], "big") | 1 << 2047 | 1
    return public(f"pattern of {period} bytes", n, E, "RSA_PATTERN", "pattern" if period == 1 else None)


def prime(rng, bits):
    """A prime with its two highest bits set, so that a product of two has twice as many."""
    while True:
        found = gmpy2.next_prime(rng.getrandbits(bits) | 3 << bits - 2)
        if found.bit_length() == bits and found % E != 1:
            return found


def roca_prime(rng, bits):
    """k * M + (65537^a mod M), M the product of the first 126 primes, 225 for 2048 bits: as the paper has it."""
    m = gmpy2.mpz(1)
    p = gmpy2.mpz(1)
    for _ in range(225 if bits >= 1984 else 126):
        p = gmpy2.next_prime(p)
        m *= p
    while True:
        found = (rng.getrandbits(bits) | 3 << bits - 2) // m * m + pow(gmpy2.mpz(E), rng.getrandbits(256), m)
        if found.bit_length() == bits and found >> bits - 2 == 3 and found % E != 1 and gmpy2.is_prime(found):
            return found


def small_primes():
    p = gmpy2.mpz(2)
    while p <= E:
        yield p
        p = gmpy2.next_prime(p)


def inverse_e(p, q):
    return pow(gmpy2.mpz(E), -1, gmpy2.mpz((p - 1) * (q - 1)))


def on_curve(y, p, d):
    x2 = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    return pow(x2, (p - 1) // 2, p) in (0, 1)


def multiply(y, p, d):
    """The order of the group of keys times a point of this y: None when that is zero, as it is for keys' points."""
    x2 = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    x = pow(x2, (p + 3) // 8, p)
    if x * x % p != x2:
        x = x * pow(2, (p - 1) // 4, p) % p
    order = 2**252 + 27742317777372353535851937790883648493
    total, point = (0, 1), (x, y)
    while order:
        if order & 1:
            total = add(total, point, p, d)
        point, order = add(point, point, p, d), order >> 1
    return None if total == (0, 1) else total


def add(a, b, p, d):
    (x1, y1), (x2, y2) = a, b
    k = d * x1 * x2 * y1 * y2
    return (x1 * y2 + x2 * y1) * pow(1 + k, -1, p) % p, (y1 * y2 + x1 * x2) * pow(1 - k, -1, p) % p


def strings(*parts):
    """SSH strings, one after the other."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def mpint(number):
    """The content of an mpint of a number that is not negative."""
    number = int(number)
    return number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b""


def line(word, blob):
    return f"{word} {base64.b64encode(blob).decode()} weak"


def pkcs1(n, e, d, p, q):
    """A PKCS#1 file of these numbers, consistent or not."""
    dp, dq = (d % (p - 1) if p > 1 else 0), (d % (q - 1) if q > 1 else 0)
    iqmp = gmpy2.invert(q, p) if p > 1 and gmpy2.gcd(p, q) == 1 else 0
    body = b"".join(der(2, mpint(number) or b"\0") for number in (0, n, e, d, p, q, dp, dq, iqmp))
    text = base64.b64encode(der(0x30, body)).decode()
    wrapped = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{wrapped}\n-----END RSA PRIVATE KEY-----\n"


def der(tag, content):
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 128 | size]) + length.to_bytes(size, "big") + content


def fingerprint(text):
    """SHA256:... of a public line, as lists have it."""
    print_ = hashlib.sha256(base64.b64decode(text.split()[1])).digest()
    return "SHA256:" + base64.b64encode(print_).decode().rstrip("=")
