import GateExtenderKit
import GateLink
import GateModel
import GateTestKit
import NIOCore
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct Witnesses {
    @Test func `are told what was taken, and in which epoch`() async throws {
        let witness = Witness()
        try await withPair(WitnessedEcho(seen: witness)) { pair in
            try await pair.nodes.keepSessions()
            let stream = try await pair.connect().openStream(first: ByteBuffer(string: "a"))
            #expect(try await stream.read() != nil)
            try await pair.nodes.suspendSessions()
            try await pair.nodes.resumeSessions()
            try await stream.write(ByteBuffer(string: "b"))
            #expect(try await stream.read() != nil)
            #expect(witness.bytes == ["a in 0", "b in 1"])
        }
    }

    @Test func `are told what was refused of a worker that speaks of a lower epoch`() async throws {
        let witness = Witness()
        try await withPair(WitnessedEcho(seen: witness)) { pair in
            try await pair.nodes.keepSessions()
            let stream = try await pair.connect().openStream(first: ByteBuffer(string: "a"))
            #expect(try await stream.read() != nil)
            try await pair.nodes.suspendSessions()
            try await pair.nodes.resumeSessions()
            try await pair.nodes.tellStale(.disconnected)
            try await stream.write(ByteBuffer(string: "b"))
            #expect(try await stream.read() != nil)
            #expect(witness.refusedEvents == ["disconnected in 0"])
            #expect(witness.bytes == ["a in 0", "b in 1"])
        }
    }
}

private struct WitnessedEcho: WitnessedExtender {
    let seen: Witness
    private let echo = EchoExtender()

    init(seen: Witness) { self.seen = seen }

    var id: ExtenderID { echo.id }
    var name: String { echo.name }
    var witness: any AcceptanceWitness { seen }

    func opened(_ stream: PeerStream) async throws { try await echo.opened(stream) }
}

/// Remembers everything, as text.
private final class Witness: AcceptanceWitness {
    private let arrivals = Mutex<[LinkArrival]>([])

    func saw(_ arrival: LinkArrival) { arrivals.withLock { $0.append(arrival) } }

    var bytes: [String] {
        arrivals.withLock(\.self).compactMap { arrival in
            guard arrival.isTaken, case .bytes(_, let bytes) = arrival.what else { return nil }
            return "\(String(buffer: bytes)) in \(arrival.epoch)"
        }
    }

    var refusedEvents: [String] {
        arrivals.withLock(\.self).compactMap { arrival in
            guard !arrival.isTaken, case .event(let change) = arrival.what else { return nil }
            return "\(change) in \(arrival.epoch)"
        }
    }
}
