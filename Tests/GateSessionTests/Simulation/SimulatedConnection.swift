import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore

/// A connection between two nodes in virtual time, with a wire that delivers when and as much as it is told, and both
/// sides' extenders. Finds out what is wrong by itself: ``fault``.
final class SimulatedConnection {
    /// One direction of the wire, and when it was last empty with all read.
    private struct Direction {
        var bytes = ByteBuffer()
        var lastDrained: MonotonicInstant

        /// At most so many bytes of it.
        mutating func take(_ count: Int, at now: MonotonicInstant) -> ByteBuffer {
            let taken = bytes.readSlice(length: min(count, bytes.readableBytes)) ?? ByteBuffer()
            if bytes.readableBytes == 0 { lastDrained = now }
            return taken
        }
    }

    private var dialler: PeerConnection
    private var acceptor: PeerConnection
    private let start: MonotonicInstant
    private var toDialler: Direction
    private var toAcceptor: Direction
    private var ends = [SimulatedEnd(isDialler: true), SimulatedEnd(isDialler: false)]
    private var isEstablished = [false, false]
    private let handshakeTime: Duration
    private let settings: [SessionSettings]
    /// What should not have happened, as it was first seen.
    private(set) var fault: String?
    /// Whether one of the sides ended the connection, as it may.
    private(set) var isOver = false
    /// Key updates that were heard of.
    private(set) var updates = 0
    /// Puzzles that were solved.
    private(set) var solved = 0
    /// Bytes that came to extenders.
    private(set) var carried = 0

    init(from first: TestNode, to second: TestNode, at clock: ManualClock, wall: (UnixTime, UnixTime)) {
        dialler = PeerConnection(
            dialling: second.node, presence: .mutual(first.credentials), environment: first.environment)
        acceptor = PeerConnection(accepting: [.peer], environment: second.environment)
        start = clock.now
        toDialler = Direction(lastDrained: clock.now)
        toAcceptor = Direction(lastDrained: clock.now)
        settings = [first.environment.settings, second.environment.settings]
        handshakeTime = min(settings[0].handshakeTime, settings[1].handshakeTime)
        var events: [PeerEvent] = []
        acceptor.start(at: clock.now, wall: wall.1, into: &toDialler.bytes, events: &events)
        dialler.start(at: clock.now, wall: wall.0, into: &toAcceptor.bytes, events: &events)
    }

    var stands: Bool { isEstablished[0] && isEstablished[1] && !isOver }

    // MARK: What the extenders do

    /// One act of one side's extender.
    func act(_ side: Int, _ random: inout SeededRandom) {
        guard isEstablished[side], !isOver else { return }
        let alias = ends[side].streams.keys.sorted().randomElement(using: &random)
        switch (Int.random(in: 0..<100, using: &random), alias) {
        case (0..<8, _), (_, nil): open(side, &random)
        case (8..<50, let alias?):
            // Sizes of all orders, as far as queues stay small.
            let count = Int.random(in: 1...(1 << Int.random(in: 1...16, using: &random)), using: &random)
            if queuedBytes(side) < 1 << 20 { enqueue(side, ends[side].write(count, to: alias)) }
        case (50..<72, let alias?):
            enqueue(side, ends[side].grant(Int.random(in: 1...200_000, using: &random), on: alias))
        case (72..<77, let alias?): enqueue(side, ends[side].finish(alias))
        case (77..<84, let alias?): enqueue(side, ends[side].done(alias))
        case (84..<86, let alias?): enqueue(side, ends[side].reset(alias))
        default:
            let lane = SimulatedEnd.lanes[Int.random(in: 0..<SimulatedEnd.lanes.count, using: &random)]
            let count = Int.random(in: 0...(1 << Int.random(in: 4...17, using: &random)), using: &random)
            if queuedBytes(side) < 1 << 20 { enqueue(side, ends[side].message(count, in: lane)) }
        }
    }

    private func open(_ side: Int, _ random: inout SeededRandom) {
        guard ends[side].streams.count < 12, let alias = side == 0 ? dialler.makeAlias() : acceptor.makeAlias()
        else { return }
        let credit = Int.random(in: 0...100_000, using: &random)
        enqueue(side, ends[side].open(alias, credit: credit, isInteractive: Bool.random(using: &random)))
    }

    private func enqueue(_ side: Int, _ message: SessionMessage?) {
        guard let message else { return }
        if side == 0 { dialler.enqueue(message) } else { acceptor.enqueue(message) }
    }

    private func queuedBytes(_ side: Int) -> Int { side == 0 ? dialler.queuedBytes : acceptor.queuedBytes }

    // MARK: The wire and time

    /// Solves the puzzle that the dialler was given, if it was.
    private func solve(at now: MonotonicInstant, wall: UnixTime) {
        guard !isOver, let solution = dialler.puzzle?.solution(in: 0...UInt64.max) else { return }
        var events: [PeerEvent] = []
        dialler.solved(solution, at: now, wall: wall, into: &toAcceptor.bytes, events: &events)
        solved += 1
        take(events, 0, at: now)
    }

    /// Seals so much of what one side has waiting, a puzzle's solution first; the rest settles, as with drivers.
    func seal(_ side: Int, budget: Int, at now: MonotonicInstant, wall: UnixTime) {
        if side == 0 {
            solve(at: now, wall: wall)
            dialler.seal(into: &toAcceptor.bytes, budget: budget)
            dialler.settle()
        } else {
            acceptor.seal(into: &toDialler.bytes, budget: budget)
            acceptor.settle()
        }
    }

    /// Gives one side so many of the bytes that are on their way to it.
    func deliver(_ side: Int, atMost count: Int, at now: MonotonicInstant, wall: UnixTime) {
        let waiting = side == 0 ? toDialler.bytes.readableBytes : toAcceptor.bytes.readableBytes
        guard !isOver, waiting > 0 else { return }
        var events: [PeerEvent] = []
        if side == 0 {
            var input = toDialler.take(count, at: now)
            dialler.received(
                &input, at: now, wall: wall, admit: { _ in true }, into: &toAcceptor.bytes, events: &events)
        } else {
            var input = toAcceptor.take(count, at: now)
            acceptor.received(
                &input, at: now, wall: wall, admit: { _ in true }, into: &toDialler.bytes, events: &events)
        }
        take(events, side, at: now)
    }

    /// Tells both sides the time, where they wait for it.
    func tick(at now: MonotonicInstant) {
        for side in 0...1 where !isOver {
            var events: [PeerEvent] = []
            if side == 0 {
                dialler.deadlinePassed(at: now, events: &events)
            } else {
                acceptor.deadlinePassed(at: now, events: &events)
            }
            take(events, side, at: now)
        }
    }

    private func take(_ events: [PeerEvent], _ side: Int, at now: MonotonicInstant) {
        for event in events where fault == nil {
            switch event {
            case .established:
                if isEstablished[side] { fault = "established twice" }
                isEstablished[side] = true
            case .message(let message):
                if case .streamData(_, let data) = message { carried += data.readableBytes }
                let other = ends[1 - side]
                if let wrong = ends[side].received(message, from: other) { fault = wrong }
            case .keysUpdated: updates += 1
            case .certified: fault = "a certificate that nobody sent"
            case .closed(let failure):
                isOver = true
                if !may(failure, side, at: now) { fault = "side \(side) ended: \(failure)" }
            }
        }
    }

    /// Whether a side may end so at this time: only what was late may be called late.
    private func may(_ failure: SessionFailure, _ side: Int, at now: MonotonicInstant) -> Bool {
        let drained = side == 0 ? toDialler.lastDrained : toAcceptor.lastDrained
        return switch failure {
        case .idle: now >= drained + settings[side].idleTime
        case .handshakeTimedOut: now >= start + handshakeTime * 4 / 5
        case .keyUpdateTimedOut: now >= start + settings[side].keyUpdateTime
        default: false
        }
    }

    // MARK: The end

    /// Lets both sides read, grant and deliver until nothing moves and no flight waits; then everything that was sent has
    /// come.
    func settle(at start: MonotonicInstant, wall: (UnixTime, UnixTime)) {
        var (moved, now) = (true, start)
        while moved, !isOver, fault == nil {
            moved = false
            for side in 0...1 {
                if isEstablished[side] {
                    for alias in ends[side].streams.keys.sorted() {
                        enqueue(side, ends[side].grant(1 << 20, on: alias))
                        enqueue(side, ends[side].done(alias))
                    }
                }
                seal(side, budget: .max >> 1, at: now, wall: side == 0 ? wall.0 : wall.1)
                let waiting = side == 0 ? toAcceptor.bytes.readableBytes : toDialler.bytes.readableBytes
                if waiting > 0 { moved = true }
                deliver(1 - side, atMost: .max >> 1, at: now, wall: side == 0 ? wall.1 : wall.0)
            }
            if !moved, dialler.isDeparting || acceptor.isDeparting {
                moved = true
                now =
                    [dialler.nextDeadline, acceptor.nextDeadline].compactMap(\.self).min().map { max(now, $0) } ?? now
                tick(at: now)
            }
        }
        guard !isOver, fault == nil else { return }
        guard stands else { return fault = "the handshake does not end" }
        for side in 0...1 {
            let missing = ends[side].missing(from: ends[1 - side])
            if missing != 0 { fault = "\(missing) messages did not come" }
            for (alias, stream) in ends[side].streams where ends[1 - side].streams[alias]?.received != stream.sent {
                fault = "of stream \(alias) \(stream.sent) bytes were sent, and not all came"
            }
            if queuedBytes(side) != 0 { fault = "\(queuedBytes(side)) bytes still wait" }
        }
    }
}
