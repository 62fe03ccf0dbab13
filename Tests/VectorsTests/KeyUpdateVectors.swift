import GateCrypto
import GateModel
import GateTestKit
import GateWire
import NIOCore
import Testing

@testable import GateSession

/// Two updates of a session, the first asked for by either side: what is sent, both roots, and the first record of each
/// direction in each epoch (article KeyUpdate).
@Suite struct KeyUpdateVectors {
    private struct OutOfTurn: Error {}

    @Test func `key updates are what is committed`() throws {
        var updates: [Json] = []
        for suite in NoiseSuite.inVectors {
            for first in [SessionRole.initiator, .responder] { updates += try session(suite, firstAsker: first) }
        }
        try VectorFile(name: "key-update").check(["updates": .list(updates)])
    }

    private func session(_ suite: NoiseSuite, firstAsker: SessionRole) throws -> [Json] {
        var initiator = try machine(.initiator, suite)
        var responder = try machine(.responder, suite)
        var root = pattern(suite.hash.byteCount, from: 0)
        var now = ManualClock().now
        var vectors: [Json] = []
        for (epoch, asker) in [(UInt32(1), firstAsker), (2, firstAsker == .initiator ? .responder : .initiator)] {
            now = now + .seconds(300)
            let vector =
                try asker == .initiator
                ? update(&initiator, &responder, suite, asker, epoch, root, now)
                : update(&responder, &initiator, suite, asker, epoch, root, now)
            guard let next = vector["root"]?.bytes else { throw OutOfTurn() }
            root = next
            vectors.append(vector)
        }
        return vectors
    }

    private func update(
        _ asker: inout KeyUpdate, _ answerer: inout KeyUpdate, _ suite: NoiseSuite, _ role: SessionRole,
        _ epoch: UInt32, _ root: [UInt8], _ now: MonotonicInstant
    ) throws -> Json {
        let slab = try SecretSlab()
        guard case .send(let asked) = asker.deadlinePassed(at: now, sealed: 0),
            case .keyRequest(let request)? = asked.first,
            case .send(let answered) = answerer.received(request: request, at: now),
            case .keyReply(let reply)? = answered.first,
            case .send(let ended) = asker.received(reply: reply)
        else { throw OutOfTurn() }
        let offer = try HybridOffer(suite.kem ?? .mlkem768, entropy: randomness(role).entropy, in: slab)
        let fresh = try offer.agree(with: reply.agreement, reply.encapsulation)
        let next = try KeyUpdate.root(
            after: secret(root, in: slab), fresh: fresh, suite: suite, asker: role, request: request, reply: reply,
            slab: slab)
        let records = [
            record(asker.switched(at: now), epoch: epoch), record(answerer.switched(at: now), epoch: epoch),
        ]
        guard asker.received(switchTo: epoch, at: now) != nil, answerer.received(switchTo: epoch, at: now) != nil else {
            throw OutOfTurn()
        }
        return [
            "suite": suite.json, "asker": .number(role == .initiator ? 0 : 1), "epoch": .number(Int(epoch)),
            "root_before": .hex(root), "asker_x25519": .hex(randomness(role).ephemeral),
            "answerer_x25519": .hex(randomness(role == .initiator ? .responder : .initiator).ephemeral),
            "request": .hex(encoded(asked)), "reply_and_switch": .hex(encoded(answered)),
            "switch": .hex(encoded(ended)), "fresh": .hex(fresh.bytes()), "root": .hex(next.bytes()),
            "record_of_initiator": records[role == .initiator ? 0 : 1].json,
            "record_of_responder": records[role == .initiator ? 1 : 0].json,
        ]
    }

    private func randomness(_ role: SessionRole) -> FixedRandomness {
        FixedRandomness(role == .initiator ? 0x11 : 0x77)
    }

    private func machine(_ role: SessionRole, _ suite: NoiseSuite) throws -> KeyUpdate {
        var settings = SessionSettings()
        settings.keyLifetime = 300_000...300_000
        let node = try TestNode(1, settings: settings, entropy: randomness(role).entropy)
        return KeyUpdate(
            root: try secret(pattern(suite.hash.byteCount, from: 0), in: node.environment.slab), suite: suite,
            established: Established(
                session: SessionID(UUIDBytes(high: 1, low: 1)), peer: .anonymous, context: .peer, role: role,
                version: PeerVersions.keyUpdate),
            environment: node.environment, at: ManualClock().now)
    }

    private func encoded(_ messages: [SessionMessage]) -> [UInt8] {
        var output = ByteBuffer()
        for message in messages { MessageCodec.encode(message, into: &output) }
        return Array(output.readableBytesView)
    }

    /// The first record under the keys: a ping with the epoch's number.
    private func record(_ keys: consuming RecordKeys, epoch: UInt32) -> ByteBuffer {
        var sealer = RecordSealer(keys)
        var record = ByteBuffer()
        let start = sealer.begin(&record)
        MessageCodec.encode(.ping(UInt64(epoch)), into: &record)
        sealer.finish(&record, start: start)
        return record
    }
}
