package import GateCrypto
package import GateModel
package import GateSession
import GateWire
package import NIOCore

/// The origin of one circuit: builds it hop by hop, then carries the bytes of one end-to-end connection.
///
///     building(0) ──created──▶ building(1) ──extended──▶ … ──extended──▶ connecting ──connected──▶ open
///     any ──failed, bad handshake, cell that doesn't open, destroy, deadline──▶ ended
///
/// The driver has a session with the first relay, allots a circuit id on it, calls ``begin(at:wall:into:)``, and
/// at ``CircuitAction/built`` runs a `PeerConnection` to the destination (context *end-to-end*) over ``send(_:at:into:)``
/// and ``CircuitAction/received(_:)``. Belongs to the event loop of the first relay's session.
package struct CircuitOrigin: ~Copyable {
    /// How far the circuit is.
    package enum Phase: Equatable, Sendable {
        /// The hop handshake with the relay at this position is under way.
        case building(Int)
        /// All relays are in; the last one reaches for the destination.
        case connecting
        /// Bytes flow.
        case open
        /// Nothing more happens.
        case ended
    }

    /// How far the circuit is.
    package private(set) var phase = Phase.building(0)
    /// The circuit id on the session with the first relay.
    package let circuit: UInt32
    /// The relays, first hop first.
    package let path: [NodeRecord]
    /// Where it leads.
    package let destination: NodeRecord

    private var layers: OriginLayers
    private var dialling: HopDialling?
    private var credit = CellCredit()
    private var grant = CellGrant()
    private var assembly = FragmentAssembly()
    private var clock: CircuitClock
    private let environment: SessionEnvironment
    private let limits: RelayLimits

    /// `path` has 1 to 8 relays, all different, the destination not among them; their records are verified.
    /// `startDepth` is the first hop's depth: `random.below(RelayLimits.startDepthMax + 1)`.
    package init(
        path: [NodeRecord], destination: NodeRecord, circuit: UInt32, startDepth: Int,
        environment: SessionEnvironment, limits: RelayLimits, at now: MonotonicInstant
    ) {
        self.path = path
        self.destination = destination
        self.circuit = circuit
        self.environment = environment
        self.limits = limits
        layers = OriginLayers(startDepth: startDepth)
        clock = CircuitClock(at: now, building: limits.buildTime, limits: limits)
    }

    /// How many relays are in; what failed, failed after that many.
    package var joinedCount: Int { layers.layers.count }

    /// Bytes that ``send(_:at:into:)`` takes now.
    package var writableByteCount: Int { phase == .open ? credit.forData * layers.payloadByteCount : 0 }

    /// Call ``deadlinePassed(at:into:)`` then.
    package var nextDeadline: MonotonicInstant { clock.nextDeadline }

    // MARK: Building

    /// Starts the handshake with the first relay.
    package mutating func begin(
        at now: MonotonicInstant, wall: UnixTime, into actions: inout [CircuitAction]
    ) {
        let nodes = path.map(\.node) + [destination.node, environment.node]
        guard (1...RelayLimits.relaysMax).contains(path.count), Set(nodes).count == nodes.count,
            (0...RelayLimits.startDepthMax).contains(layers.startDepth)
        else { return fail(.badPath, into: &actions) }
        dial(0, at: now, wall: wall, into: &actions)
    }

    private mutating func dial(
        _ position: Int, at now: MonotonicInstant, wall: UnixTime, into actions: inout [CircuitAction]
    ) {
        phase = .building(position)
        guard var dialling = HopDialling(record: path[position], environment: environment),
            var flight = dialling.start(wall: wall)
        else { return fail(.badPath, into: &actions) }
        var handshake = ByteBuffer(bytes: [UInt8(truncatingIfNeeded: layers.nextDepth)])
        handshake.writeBuffer(&flight)
        let count = dialling.createCellCount
        self.dialling = consume dialling
        guard handshake.readableBytes <= count * CellPayload.handshakeByteCount else {
            return fail(.handshake(position: position), into: &actions)
        }
        if position == 0 {
            guard credit.spend(count) else { return fail(.violation, into: &actions) }
            let header = CellHeader(circuit: circuit, kind: .create)
            let cells = CellWriter.plain(header, .handshake, handshake, count: count)
            actions.append(.send(.next, .cells(cells)))
        } else {
            var request = ByteBuffer()
            ExtendRequest(record: encoded(path[position]), cellCount: count, handshake: handshake).encode(
                into: &request)
            // One cell more than the handshake alone, or as many as a long record needs.
            send(.extend, request, atLeast: count + 1, into: &actions)
        }
    }

    private func encoded(_ record: NodeRecord) -> ByteBuffer {
        var buffer = ByteBuffer()
        record.encode(into: &buffer)
        return buffer
    }

    /// Sends a control message to the last hop.
    private mutating func send(
        _ command: CircuitCommand, _ message: ByteBuffer, atLeast: Int, into actions: inout [CircuitAction]
    ) {
        var message = message
        let capacity = layers.payloadByteCount
        let count = max(atLeast, (message.readableBytes + capacity - 1) / capacity)
        guard count <= RelayLimits.fragmentsMax, credit.spend(count) else { return fail(.violation, into: &actions) }
        var cells = ByteBuffer()
        cells.reserveCapacity(count * Cell.byteCount)
        for index in 0..<count {
            let isWrapped = layers.wrap(
                command, remaining: count - 1 - index, from: &message, last: .forYou, circuit: circuit,
                random: &environment.random, into: &cells)
            guard isWrapped else { return fail(.exhausted, into: &actions) }
        }
        actions.append(.send(.next, .cells(cells)))
    }

    private mutating func received(
        _ command: CircuitCommand, _ message: ByteBuffer, at now: MonotonicInstant, wall: UnixTime,
        into actions: inout [CircuitAction]
    ) {
        switch (phase, command) {
        case (.building(let position), .handshake) where position == 0,
            (.building(let position), .extended) where position > 0:
            joined(position, message, at: now, wall: wall, into: &actions)
        case (.building(let position), .failed) where position > 0:
            fail(.unreachable(position: position), into: &actions)
        case (.connecting, .failed): fail(.unreachable(position: path.count), into: &actions)
        case (.connecting, .connected):
            phase = .open
            clock.built()
            actions.append(.built)
        case (.building, _), (.connecting, _), (.open, _), (.ended, _): fail(.violation, into: &actions)
        }
    }

    /// The relay at `position` answered its handshake.
    private mutating func joined(
        _ position: Int, _ message: ByteBuffer, at now: MonotonicInstant, wall: UnixTime,
        into actions: inout [CircuitAction]
    ) {
        guard let dialling = dialling.take(),
            let layer = dialling.received(message, depth: layers.nextDepth, wall: wall)
        else { return fail(.handshake(position: position), into: &actions) }
        layers.append(layer)
        if position == 0, let more = grant.widen(by: limits.firstGrant) {
            actions.append(.send(.next, .circuitCredit(circuit: circuit, cells: more)))
        }
        guard layers.layers.count == path.count else {
            return dial(position + 1, at: now, wall: wall, into: &actions)
        }
        phase = .connecting
        send(.connect, encoded(destination), atLeast: 1, into: &actions)
    }

    // MARK: Cells

    /// A run of this circuit's cells came from the first relay.
    package mutating func received(
        _ cells: ByteBuffer, at now: MonotonicInstant, wall: UnixTime, into actions: inout [CircuitAction]
    ) {
        guard phase != .ended else { return }
        clock.touched(at: now)
        let count = cells.readableBytes / Cell.byteCount
        guard grant.arrived(count) else { return fail(.violation, into: &actions) }
        if phase == .building(0) {
            receivedCreated(cells, at: now, wall: wall, into: &actions)
        } else {
            receivedLayered(cells, at: now, wall: wall, into: &actions)
        }
        guard phase != .ended else { return }
        grant.released(count)
        if let more = grant.due() { actions.append(.send(.next, .circuitCredit(circuit: circuit, cells: more))) }
    }

    private mutating func receivedCreated(
        _ cells: ByteBuffer, at now: MonotonicInstant, wall: UnixTime, into actions: inout [CircuitAction]
    ) {
        var cells = cells
        while phase == .building(0), let cell = cells.readSlice(length: Cell.byteCount) {
            switch PlainCell.fragment(cell, .created, &assembly) {
            case .incomplete: continue
            case .complete(let command, let message):
                received(command, message, at: now, wall: wall, into: &actions)
            case .violation: fail(.violation, into: &actions)
            }
        }
        if cells.readableBytes > 0 { fail(.violation, into: &actions) }
    }

    private mutating func receivedLayered(
        _ cells: ByteBuffer, at now: MonotonicInstant, wall: UnixTime, into actions: inout [CircuitAction]
    ) {
        var peeler = OriginPeeler(cells: cells)
        while phase != .ended {
            switch peeler.next(layers, isOpen: phase == .open, assembly: &assembly) {
            case .finished:
                if peeler.output.readableBytes > 0 { actions.append(.received(peeler.output)) }
                return
            case .control(.incomplete): continue
            case .control(.complete(let command, let message)):
                received(command, message, at: now, wall: wall, into: &actions)
            case .control(.violation), .violation: fail(.violation, into: &actions)
            }
        }
    }

    /// Grants no more cells while the connection inside does not read: so it has a window's bytes to keep at most.
    package mutating func pause() { grant.isPaused = true }

    /// Grants what was kept back.
    package mutating func resume(into actions: inout [CircuitAction]) {
        grant.isPaused = false
        guard phase != .ended, let more = grant.due() else { return }
        actions.append(.send(.next, .circuitCredit(circuit: circuit, cells: more)))
    }

    /// Sends as much of `bytes` as the credit allows and leaves the rest; ``CircuitAction/writable`` follows.
    package mutating func send(
        _ bytes: inout ByteBuffer, at now: MonotonicInstant, into actions: inout [CircuitAction]
    ) {
        guard phase == .open else { return }
        while bytes.readableBytes > 0 {
            let run = CellWriter.runCount(
                for: bytes.readableBytes, payloadByteCount: layers.payloadByteCount, credit: credit.forData)
            guard run > 0, credit.spend(run) else { return }
            clock.touched(at: now)
            var cells = ByteBuffer()
            cells.reserveCapacity(run * Cell.byteCount)
            for _ in 0..<run {
                let isWrapped = layers.wrap(
                    .data, remaining: 0, from: &bytes, last: .passOn, circuit: circuit, random: &environment.random,
                    into: &cells)
                guard isWrapped else { return fail(.exhausted, into: &actions) }
            }
            actions.append(.send(.next, .cells(cells)))
        }
    }

    // MARK: Credit, ends

    /// The first relay allows us more cells.
    package mutating func credited(_ cells: UInt32, into actions: inout [CircuitAction]) {
        guard phase != .ended else { return }
        guard credit.allowed(cells) else { return fail(.violation, into: &actions) }
        if phase == .open { actions.append(.writable) }
    }

    /// The first relay destroyed the circuit, or its session ended (``CircuitEnd/lost``).
    package mutating func destroyed(_ reason: CircuitEnd, into actions: inout [CircuitAction]) {
        guard phase != .ended else { return }
        phase = .ended
        dialling = nil
        actions.append(.failed(.ended(reason)))
    }

    /// Ends the circuit where its time is over; otherwise nothing.
    package mutating func deadlinePassed(at now: MonotonicInstant, into actions: inout [CircuitAction]) {
        guard now >= nextDeadline else { return }
        fail(clock.isBuildLate(at: now) ? .tooSlow : .exhausted, into: &actions)
    }

    /// Ends the circuit because it is no longer needed.
    package mutating func finish(into actions: inout [CircuitAction]) {
        guard phase != .ended else { return }
        phase = .ended
        dialling = nil
        actions.append(.send(.next, .circuitDestroy(circuit: circuit, reason: CircuitEnd.finished.rawValue)))
        actions.append(.ended(.finished))
    }

    private mutating func fail(_ failure: CircuitFailure, into actions: inout [CircuitAction]) {
        guard phase != .ended else { return }
        phase = .ended
        dialling = nil
        // The first relay learns no more than that it is over.
        actions.append(.send(.next, .circuitDestroy(circuit: circuit, reason: CircuitEnd.finished.rawValue)))
        actions.append(.failed(failure))
    }
}
