import GateCrypto
package import GateModel
package import GateSession
import GateWire
package import NIOCore

/// A relay's part of one circuit: between the neighbour it came from and the one it leads to.
///
///     awaitingHandshake ──create cells, flight opens──▶ ready ──extend / connect──▶ reaching
///                                                         ▲                          │    │ reached
///                                                         └──── unreachable ─────────┘    ▼
///                                  relaying ◀──created, or at once for a destination── awaitingNext
///     any ──cell that doesn't open, beyond credit or out of place; destroy; deadline; session lost──▶ ended
///
/// Forward it opens its layer and passes the inner region on; backward it seals. Cells that may not go on yet wait in
/// bounded queues (``CellFlow``). Belongs to one event loop: the driver brings inputs of both sessions there.
package struct CircuitHop: ~Copyable {
    /// How far the circuit has come here.
    package enum Phase: Equatable, Sendable {
        /// The fragments of the hop handshake's first flight come in.
        case awaitingHandshake
        /// The origin shares a layer with us and may ask for the next node.
        case ready
        /// The driver looks for the next node.
        case reaching
        /// The next relay was sent the origin's flight.
        case awaitingNext
        /// Cells pass both ways.
        case relaying
        /// Nothing more happens.
        case ended
    }

    /// How far the circuit has come here.
    package private(set) var phase = Phase.awaitingHandshake
    /// The circuit id on the session towards the origin.
    package let previousCircuit: UInt32
    /// The circuit id on the session towards the destination, once there is one.
    package private(set) var nextCircuit: UInt32?

    private var forward = CellFlow()
    private var backward = CellFlow()
    private var assembly = FragmentAssembly()
    private var layer: HopLayer?
    private var pending: Pending?
    private var createdRemaining = RelayLimits.fragmentsMax
    private var extendCount = 0
    private var hasWidenedNext = false
    private var clock: CircuitClock
    private let environment: SessionEnvironment
    private let limits: RelayLimits

    private enum Pending {
        case relay(ExtendRequest)
        case destination
    }

    /// Begins with nothing received; the run that opened the circuit is the first input.
    package init(
        circuit: UInt32, environment: SessionEnvironment, limits: RelayLimits, at now: MonotonicInstant
    ) {
        previousCircuit = circuit
        self.environment = environment
        self.limits = limits
        clock = CircuitClock(at: now, building: limits.longestBuild, limits: limits)
    }

    /// Bytes of cells passed on, both ways together.
    package var forwardedByteCount: UInt64 {
        (forward.forwardedCount + backward.forwardedCount) * UInt64(Cell.byteCount)
    }

    /// The most cells that ever waited here in one direction; never above the window.
    package var waitingCountMax: Int { max(forward.waitingCountMax, backward.waitingCountMax) }

    /// Call ``deadlinePassed(at:into:)`` then.
    package var nextDeadline: MonotonicInstant { clock.nextDeadline }

    // MARK: From the origin's side

    /// A run of this circuit's cells came from the previous neighbour.
    package mutating func receivedFromPrevious(
        _ cells: ByteBuffer, at now: MonotonicInstant, wall: UnixTime, into actions: inout [CircuitAction]
    ) {
        guard phase != .ended else { return }
        clock.touched(at: now)
        guard forward.grant.arrived(cells.readableBytes / Cell.byteCount) else {
            return end(.violation, into: &actions)
        }
        if phase == .awaitingHandshake {
            receivedCreate(cells, at: now, wall: wall, into: &actions)
        } else {
            receivedLayered(cells, wall: wall, into: &actions)
        }
    }

    private mutating func receivedCreate(
        _ cells: ByteBuffer, at now: MonotonicInstant, wall: UnixTime, into actions: inout [CircuitAction]
    ) {
        var cells = cells
        while phase == .awaitingHandshake, let cell = cells.readSlice(length: Cell.byteCount) {
            switch PlainCell.fragment(cell, .create, &assembly) {
            case .incomplete: forward.grant.released(1)
            case .complete(.handshake, let message):
                forward.grant.released(1)
                answer(message, at: now, wall: wall, into: &actions)
            case .complete, .violation: end(.violation, into: &actions)
            }
        }
        if cells.readableBytes > 0 { end(.violation, into: &actions) }
    }

    private mutating func answer(
        _ message: ByteBuffer, at now: MonotonicInstant, wall: UnixTime, into actions: inout [CircuitAction]
    ) {
        var flight = message
        guard let depth = flight.readInteger(as: UInt8.self), depth <= Cell.depthMax,
            let answer = HopHandshake.answer(
                flight, depth: Int(depth), environment: environment, wall: wall),
            backward.credit.spend(answer.cellCount)
        else { return end(.refused, into: &actions) }
        layer = answer.layer
        phase = .ready
        let created = CellWriter.plain(
            CellHeader(circuit: previousCircuit, kind: .created), .handshake, answer.flight, count: answer.cellCount)
        actions.append(.send(.previous, .cells(created)))
        if let more = forward.grant.widen(by: limits.firstGrant) {
            actions.append(.send(.previous, .circuitCredit(circuit: previousCircuit, cells: more)))
        }
    }

    private mutating func receivedLayered(
        _ cells: ByteBuffer, wall: UnixTime, into actions: inout [CircuitAction]
    ) {
        guard let layer else { return end(.violation, into: &actions) }
        var opener = HopOpener(layer: layer, cells: cells, nextCircuit: phase == .relaying ? nextCircuit : nil)
        var isGoing = true
        while isGoing {
            switch opener.next(random: &environment.random, assembly: &assembly) {
            case .finished: isGoing = false
            case .command(.incomplete): forward.grant.released(1)
            case .command(.complete(let command, let message)):
                forward.grant.released(1)
                received(command, message, wall: wall, into: &actions)
                isGoing = phase != .ended
            case .command(.violation), .violation:
                isGoing = false
                end(.violation, into: &actions)
            }
        }
        guard phase != .ended else { return }
        if opener.output.readableBytes > 0 { forward.enqueue(opener.output) }
        flushForward(into: &actions)
    }

    private mutating func received(
        _ command: CircuitCommand, _ message: ByteBuffer, wall: UnixTime, into actions: inout [CircuitAction]
    ) {
        guard phase == .ready else { return end(.violation, into: &actions) }
        switch command {
        case .extend:
            guard let request = ExtendRequest.decode(message) else { return end(.violation, into: &actions) }
            reach(request.record, as: .relay, .relay(request), wall: wall, into: &actions)
        case .connect:
            reach(message, as: .destination, .destination, wall: wall, into: &actions)
        case .data, .handshake, .extended, .connected, .failed, .open:
            end(.violation, into: &actions)
        }
    }

    private mutating func reach(
        _ record: ByteBuffer, as purpose: ReachPurpose, _ pending: Pending, wall: UnixTime,
        into actions: inout [CircuitAction]
    ) {
        extendCount += 1
        guard extendCount <= limits.extendsPerCircuit else { return end(.violation, into: &actions) }
        guard let record = RecordCheck.accepted(record, own: environment.node, at: wall) else {
            return answer(.failed, into: &actions)
        }
        self.pending = pending
        phase = .reaching
        actions.append(.reach(record, purpose))
    }

    // MARK: The driver's answers

    /// The next node's session carries our circuit as `circuit` from now on.
    package mutating func reached(
        circuit: UInt32, at now: MonotonicInstant, into actions: inout [CircuitAction]
    ) {
        guard phase == .reaching, let pending, let layer else { return }
        clock.touched(at: now)
        self.pending = nil
        nextCircuit = circuit
        switch pending {
        case .relay(let request):
            phase = .awaitingNext
            guard forward.credit.spend(request.cellCount) else { return end(.violation, into: &actions) }
            let header = CellHeader(circuit: circuit, kind: .create)
            let cells = CellWriter.plain(header, .handshake, request.handshake, count: request.cellCount)
            actions.append(.send(.next, .cells(cells)))
        case .destination:
            guard forward.credit.spend(1) else { return end(.violation, into: &actions) }
            let depth = ByteBuffer(bytes: [UInt8(truncatingIfNeeded: layer.depth + 1)])
            let cells = CellWriter.plain(CellHeader(circuit: circuit, kind: .open), .open, depth, count: 1)
            actions.append(.send(.next, .cells(cells)))
            answer(.connected, into: &actions)
            stand()
        }
    }

    /// The next node can't be reached, or may not be: the origin is told no more than that.
    package mutating func unreachable(into actions: inout [CircuitAction]) {
        guard phase == .reaching else { return }
        pending = nil
        phase = .ready
        answer(.failed, into: &actions)
    }

    /// From here on cells pass.
    private mutating func stand() {
        phase = .relaying
        clock.built()
    }

    /// The next neighbour may fill its window from its first cell on: before that it may not know the circuit yet, since
    /// sessions send credit ahead of the cells that open it.
    private mutating func widenNext(into actions: inout [CircuitAction]) {
        guard !hasWidenedNext, phase == .relaying, let nextCircuit else { return }
        hasWidenedNext = true
        if let more = backward.grant.widen(by: limits.firstGrant) {
            actions.append(.send(.next, .circuitCredit(circuit: nextCircuit, cells: more)))
        }
    }

    /// Sends a control message without content to the origin.
    private mutating func answer(
        _ command: CircuitCommand, into actions: inout [CircuitAction]
    ) {
        send(command, ByteBuffer(), remaining: 0, into: &actions)
    }

    private mutating func send(
        _ command: CircuitCommand, _ part: ByteBuffer, remaining: Int, into actions: inout [CircuitAction]
    ) {
        guard let layer, backward.credit.spend(1) else { return end(.violation, into: &actions) }
        let header = CellHeader(circuit: previousCircuit, kind: .relay)
        var part = part
        var cells = ByteBuffer()
        let isSealed = CellWriter.write(header, into: &cells) { body in
            guard let start = body.baseAddress else { return false }
            let inner = UnsafeMutableRawBufferPointer(rebasing: body[..<layer.innerByteCount])
            CellPayload.write(command, remaining: remaining, from: &part, region: inner)
            environment.random.fill(UnsafeMutableRawBufferPointer(rebasing: body[layer.regionByteCount...]))
            return layer.seal(start, .forYou, .backward)
        }
        guard isSealed else { return end(.expired, into: &actions) }
        actions.append(.send(.previous, .cells(cells)))
    }

    // MARK: From the destination's side

    /// A run of this circuit's cells came from the next neighbour.
    package mutating func receivedFromNext(
        _ cells: ByteBuffer, at now: MonotonicInstant, into actions: inout [CircuitAction]
    ) {
        guard phase != .ended else { return }
        clock.touched(at: now)
        guard backward.grant.arrived(cells.readableBytes / Cell.byteCount) else {
            return end(.violation, into: &actions)
        }
        defer { widenNext(into: &actions) }
        var cells = cells
        while phase == .awaitingNext, let cell = cells.readSlice(length: Cell.byteCount) {
            receivedCreated(cell, into: &actions)
        }
        guard cells.readableBytes > 0, phase != .ended else { return returnBackward(into: &actions) }
        guard phase == .relaying, let layer else { return end(.violation, into: &actions) }
        guard let sealed = HopSealer.seal(cells, layer: layer, circuit: previousCircuit, random: &environment.random)
        else {
            return end(.violation, into: &actions)
        }
        backward.enqueue(sealed)
        flushBackward(into: &actions)
    }

    /// Passes one fragment of the next hop's answer on, as it is.
    private mutating func receivedCreated(
        _ cell: ByteBuffer, into actions: inout [CircuitAction]
    ) {
        guard let (payload, part) = PlainCell.payload(cell, .created), payload.command == .handshake,
            payload.range.count <= CellPayload.handshakeByteCount, payload.remaining < createdRemaining
        else { return end(.violation, into: &actions) }
        backward.grant.released(1)
        createdRemaining = payload.remaining
        send(.extended, part, remaining: payload.remaining, into: &actions)
        if payload.remaining == 0, phase == .awaitingNext { stand() }
    }

    // MARK: Credit, ends

    /// The previous neighbour allows us more cells.
    package mutating func creditedByPrevious(_ cells: UInt32, into actions: inout [CircuitAction]) {
        guard phase != .ended else { return }
        guard backward.credit.allowed(cells) else { return end(.violation, into: &actions) }
        flushBackward(into: &actions)
    }

    /// The next neighbour allows us more cells.
    package mutating func creditedByNext(_ cells: UInt32, into actions: inout [CircuitAction]) {
        guard phase != .ended else { return }
        guard forward.credit.allowed(cells) else { return end(.violation, into: &actions) }
        flushForward(into: &actions)
    }

    private mutating func flushForward(into actions: inout [CircuitAction]) {
        while let cells = forward.next() { actions.append(.send(.next, .cells(cells))) }
        if let more = forward.grant.due() {
            actions.append(.send(.previous, .circuitCredit(circuit: previousCircuit, cells: more)))
        }
    }

    private mutating func flushBackward(into actions: inout [CircuitAction]) {
        while let cells = backward.next() { actions.append(.send(.previous, .cells(cells))) }
        returnBackward(into: &actions)
    }

    private mutating func returnBackward(into actions: inout [CircuitAction]) {
        guard phase != .ended, let nextCircuit, let more = backward.grant.due() else { return }
        actions.append(.send(.next, .circuitCredit(circuit: nextCircuit, cells: more)))
    }

    /// A neighbour destroyed the circuit, or its session ended (``CircuitEnd/lost``): the other one is told.
    package mutating func destroyed(
        by side: CircuitSide, _ reason: CircuitEnd, into actions: inout [CircuitAction]
    ) {
        guard phase != .ended else { return }
        phase = .ended
        switch side {
        case .previous: destroy(.next, reason, into: &actions)
        case .next: destroy(.previous, reason, into: &actions)
        }
        actions.append(.ended(reason))
    }

    /// Ends the circuit where its time is over; otherwise nothing.
    package mutating func deadlinePassed(at now: MonotonicInstant, into actions: inout [CircuitAction]) {
        guard now >= nextDeadline else { return }
        end(.expired, into: &actions)
    }

    /// Ends the circuit towards both sides.
    package mutating func end(_ reason: CircuitEnd, into actions: inout [CircuitAction]) {
        guard phase != .ended else { return }
        phase = .ended
        destroy(.previous, reason, into: &actions)
        destroy(.next, reason, into: &actions)
        actions.append(.ended(reason))
    }

    private func destroy(_ side: CircuitSide, _ reason: CircuitEnd, into actions: inout [CircuitAction]) {
        let circuit =
            switch side {
            case .previous: Optional(previousCircuit)
            case .next: nextCircuit
            }
        guard let circuit else { return }
        actions.append(.send(side, .circuitDestroy(circuit: circuit, reason: reason.rawValue)))
    }
}
