"""Records, messages and key updates."""

from gatepeer import assembly, keyupdate, messages, padding, records, suites
from gatepeer.messages import Ping, encode
from gatepeer.suites import Refused, Suite

from . import fixed
from .files import Verdict, entries


def check_records(verdict: Verdict) -> None:
    for name, entry in entries("records", "records"):
        suite = Suite(*entry["suite"])
        direction = records.RecordDirection(
            suite, bytes.fromhex(entry["root"]), entry["direction"], entry["epoch"])
        verdict.compare(f"{name}, key", direction.key.hex(), entry["record_key"])
        verdict.compare(f"{name}, length key", direction.length_key.hex(), entry["length_key"])
        for index, record in enumerate(entry["records"]):
            content, policy = bytes.fromhex(record["content"]), record["padding"]
            count = padding.padding_for(len(content), policy["policy"], record["drawn"], policy.get("size", 0))
            verdict.compare(f"{name}, padding {index}", count, record["padding_bytes"])
            verdict.compare(f"{name}, record {index}", direction.seal(content, count).hex(), record["record"])
    for name, entry in entries("records", "nonces"):
        key, counter, associated, plaintext = (
            bytes.fromhex(entry[field]) for field in ("key", "counter", "associated", "plaintext"))
        suite = Suite(cipher_number=entry["cipher"])
        sealed = suite.seal(key, int.from_bytes(counter, "big"), plaintext, associated)
        verdict.compare(name, sealed.hex(), entry["sealed"])
    for name, entry in entries("records", "masks"):
        counter = int(entry["counter"], 16).to_bytes(8, "little")
        mask = suites.siphash24(bytes.fromhex(entry["length_key"]), counter)[:2]
        verdict.compare(name, mask.hex(), entry["mask"])
    for name, entry in entries("records", "padme"):
        verdict.compare(name, padding.padme(entry["bytes"]), entry["padded"])


def check_messages(verdict: Verdict) -> None:
    shapes = {_words(shape.__name__): shape for shape, _ in messages.LAYOUTS.values()}
    shapes["certificate"] = messages.CertificateShown
    for name, entry in entries("messages", "messages"):
        made = shapes[entry["message"]](*(_value(field) for field in entry["fields"]))
        verdict.compare(f"{name} ({entry['message']})", encode(made).hex(), entry["encoded"])
        verdict.compare(f"{name}, read", messages.decode(bytes.fromhex(entry["encoded"])), [made])
    parts = assembly.Assembly()
    for name, entry in entries("messages", "parts"):
        (message,) = messages.decode(bytes.fromhex(entry["encoded"]))
        verdict.compare(f"{name}, written", encode(message).hex(), entry["encoded"])
        whole = parts.take(message)
        made = whole and (whole.extender.hex(), whole.id, whole.flags, whole.bytes.hex())
        committed = "payload" in entry and tuple(entry[field] for field in ("extender", "id", "flags", "payload"))
        verdict.compare(name, made or False, committed)


def _words(name: str) -> str:
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


def _value(field):
    if isinstance(field, str):
        return bytes.fromhex(field)
    return tuple(map(_value, field)) if isinstance(field, list) else field


def check_compression(verdict: Verdict) -> None:
    for name, entry in entries("compression", "compressed"):
        verdict.compare(name, assembly.unfolded(bytes.fromhex(entry["compressed"])).hex(), entry["payload"])
    for name, entry in entries("compression", "refused"):
        try:
            assembly.unfolded(bytes.fromhex(entry["compressed"]))
        except Refused:
            verdict.compare(name, True, True)
        else:
            verdict.fail(name, f"taken: {entry['why']}")


def check_key_updates(verdict: Verdict) -> None:
    for name, entry in entries("key-update", "updates"):
        suite, root, epoch = Suite(*entry["suite"]), bytes.fromhex(entry["root_before"]), entry["epoch"]
        sides = [keyupdate.KeyUpdate(suite, root, is_initiator, 2) for is_initiator in (True, False)]
        for side in sides:
            side.epoch = epoch - 1
        asker, answerer = sides if entry["asker"] == 0 else reversed(sides)
        with fixed.drawing(bytes.fromhex(entry["asker_x25519"])):
            request = asker.request()
        verdict.compare(f"{name}, request", encode(request).hex(), entry["request"])
        with fixed.drawing(bytes.fromhex(entry["answerer_x25519"])):
            answered = answerer.took_request(request)
        verdict.compare(f"{name}, reply", b"".join(map(encode, answered)).hex(), entry["reply_and_switch"])
        with fixed.drawing(bytes.fromhex(entry["asker_x25519"])):
            ended = asker.took_reply(answered[0])
        verdict.compare(f"{name}, switch", b"".join(map(encode, ended)).hex(), entry["switch"])
        for side in sides:
            verdict.compare(f"{name}, root", side.root.hex(), entry["root"])
        for side, who in zip(sides, ("initiator", "responder")):
            record = side.sealing.seal(encode(Ping(epoch)), 0)
            verdict.compare(f"{name}, record of the {who}", record.hex(), entry[f"record_of_{who}"])


def check_article(verdict: Verdict) -> None:
    """The root that the article Key update has by example."""
    suite, root = Suite(1, 1, 1), bytes(range(32))
    request = messages.KeyRequest(1, b"\x22" * 32, b"\x23" * 1184)
    reply = messages.KeyReply(1, b"\x24" * 32, b"\x25" * 1088)
    made = keyupdate.next_root(suite, root, b"\x20" * 32 + b"\x21" * 32, 1, request, reply)
    verdict.compare(
        "article Key update, root", made.hex(), "e7fe469888c0119fc6d85351692fb61fb0c9ccd30d4e2bb0982ca29118fe04f5")
