import GateCrypto
import GateModel
import GateRelay
import GateSession
import GateTransport
import GateWire
import NIOCore

/// An end-to-end session inside a circuit, at either end of it: the connection's bytes in cells' clothing.
///
/// The two ends differ in their machine only (`OriginParty`, `DestinationParty`). On the loop of the session with the
/// neighbour.
///
/// `@unchecked Sendable`: touched on that loop only.
class CircuitCarrier: SessionDriver, CircuitParty, @unchecked Sendable {
    let context: LoopContext
    let neighbour: SessionEndpoint
    let bornAt = SystemClock.now()
    var actions: [CircuitAction] = []
    private var connection: PeerConnection
    private let owner: SessionOwner
    private var events: [PeerEvent] = []
    private var outgoing = ByteBuffer()
    private var hasEnded = false
    /// What came and is not read yet, while the connection reads nothing: a window of the circuit at most.
    private var kept = ByteBuffer()
    private var reading: Scheduled<Void>?

    /// Bytes that are sealed ahead of the circuit's credit at most.
    static let aheadBytes = 128 * 1024

    init(
        over neighbour: SessionEndpoint, connection: consuming PeerConnection, owner: SessionOwner, context: LoopContext
    ) {
        self.neighbour = neighbour
        self.connection = connection
        self.owner = owner
        self.context = context
        context.enter(self)
    }

    // MARK: What the two ends do differently

    /// Bytes that the circuit takes now.
    var writableByteCount: Int { 0 }
    /// The circuit's number on the neighbour's session.
    var circuit: UInt32 { 0 }
    /// Hands bytes to the circuit's machine.
    func send(_ bytes: inout ByteBuffer, at now: MonotonicInstant) {}
    /// Grants no more cells, until ``resumeCredit()``.
    func pauseCredit() {}
    func resumeCredit() {}
    /// Ends the circuit because its session is over.
    func finishCircuit() {}
    func received(_ cells: ByteBuffer, circuit: UInt32, on session: SessionEndpoint) {}
    func credited(_ count: UInt32, circuit: UInt32, on session: SessionEndpoint) {}
    func destroyed(_ reason: UInt8, circuit: UInt32, on session: SessionEndpoint) {}
    func sessionEnded(circuit: UInt32, on session: SessionEndpoint) {}
    func machineDeadlinePassed(at now: MonotonicInstant) {}
    var description: CircuitDescription? { nil }
    /// The circuit failed before or after it stood.
    func circuitFailed(_ failure: CircuitFailure) {}

    // MARK: The machine's wishes

    func perform() {
        while !actions.isEmpty {
            let batch = actions
            actions.removeAll(keepingCapacity: true)
            for action in batch { perform(action) }
        }
    }

    private func perform(_ action: CircuitAction) {
        switch action {
        case .send(_, let message): neighbour.enqueue(message)
        case .built: begin()
        case .received(let bytes): received(bytes)
        case .writable: pump()
        case .ended: ended(.closedByPeer(.done))
        case .failed(let failure):
            circuitFailed(failure)
            ended(.closedByPeer(.goingAway))
        case .reach: break  // a relay's
        }
    }

    // MARK: The end-to-end connection

    private func begin() {
        connection.start(at: SystemClock.now(), wall: SystemClock.wall(), into: &outgoing, events: &events)
        report()
        pump()
    }

    private func received(_ bytes: ByteBuffer) {
        guard !hasEnded else { return }
        var bytes = bytes
        if kept.readableBytes > 0 {
            kept.writeBuffer(&bytes)
            swap(&kept, &bytes)
            kept = ByteBuffer()
        }
        let now = SystemClock.now()
        connection.received(
            &bytes, at: now, wall: SystemClock.wall(), admit: { owner.admit($0) }, takes: { owner.takes($0) },
            into: &outgoing, events: &events)
        if bytes.readableBytes > 0 { kept = bytes }
        if let end = connection.resumesReading { pause(until: end, at: now) }
        report()
    }

    private func pause(until end: MonotonicInstant, at now: MonotonicInstant) {
        guard reading == nil else { return }
        pauseCredit()
        let left = max(end.nanoseconds - now.nanoseconds, 1_000_000)
        reading = neighbour.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(left)) { [weak self] in
            self?.readOn()
        }
    }

    /// Takes what was kept, and more of the circuit, if that is due.
    private func readOn() {
        reading = nil
        guard !hasEnded else { return }
        let now = SystemClock.now()
        connection.deadlinePassed(at: now, events: &events)
        if connection.resumesReading == nil { received(ByteBuffer()) } else { report() }
        if !hasEnded, let end = connection.resumesReading { pause(until: end, at: now) }
        if reading == nil { resumeCredit() }
        batchEnded(on: neighbour)
        perform()
        neighbour.flush()
    }

    private func report() {
        guard !events.isEmpty else { return }
        var batch: [PeerEvent] = []
        swap(&batch, &events)
        var last: SessionFailure?
        for event in batch {
            if case .closed(let failure) = event { last = failure } else { owner.take(event, driver: self) }
        }
        if let last {
            pump()
            ended(last)
            finishCircuit()
            perform()
        }
    }

    private func ended(_ failure: SessionFailure) {
        guard !hasEnded else { return }
        hasEnded = true
        reading?.cancel()
        context.leave(self)
        neighbour.leave(circuit)
        owner.ended(failure)
    }

    /// Seals what waits and gives the circuit as much as it takes.
    private func pump() {
        let now = SystemClock.now()
        while true {
            if outgoing.readableBytes < CircuitCarrier.aheadBytes, writableByteCount > outgoing.readableBytes {
                connection.seal(into: &outgoing, budget: writableByteCount - outgoing.readableBytes)
            }
            let before = outgoing.readableBytes
            guard before > 0, writableByteCount > 0 else { break }
            send(&outgoing, at: now)
            if outgoing.readableBytes == before { break }
        }
        connection.settle()
        if outgoing.readableBytes == 0 { outgoing.clear() }
        perform()
    }

    // MARK: SessionDriver

    func enqueue(_ message: SessionMessage) { if !hasEnded { connection.enqueue(message) } }

    func makeAlias() -> UInt32? { connection.makeAlias() }

    func flush() {
        guard !hasEnded else { return }
        pump()
        neighbour.flush()
    }

    var waitingByteCount: Int { connection.queuedBytes + outgoing.readableBytes }

    var sealedByteCount: UInt64 { connection.sealedBytes }

    /// A session that loses its circuit has lost what it is: nothing goes on over another.
    func resumptionSecret() -> Secret? { nil }

    func close(_ reason: SessionCloseReason) {
        guard !hasEnded else { return }
        connection.close(reason, events: &events)
        report()
        neighbour.flush()
    }

    // MARK: CircuitParty

    func batchEnded(on session: SessionEndpoint) {
        owner.endpoint?.batchEnded()
        if !hasEnded { pump() }
    }

    func deadlinePassed(at now: MonotonicInstant) {
        machineDeadlinePassed(at: now)
        if !hasEnded, let deadline = connection.nextDeadline, now >= deadline {
            connection.deadlinePassed(at: now, events: &events)
            report()
            if !hasEnded { pump() }
        }
        perform()
        neighbour.flush()
    }
}
