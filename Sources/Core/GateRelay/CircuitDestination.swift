import GateCrypto
package import GateModel
import GateWire
package import NIOCore

/// The far end of a circuit: plain cells from and to the last relay, the bytes of one accepting end-to-end connection
/// inside. Knows the last relay only.
///
///     awaitingOpen ──open──▶ open ──destroy, violation, deadline──▶ ended
///
/// The driver gives what `received` brings to a `PeerConnection` that accepts in context *end-to-end*, and what that
/// has to send to ``send(_:into:)``. No layer of its own: the end-to-end session is the layer.
package struct CircuitDestination: ~Copyable {
    private enum Phase { case awaitingOpen, open, ended }

    /// The circuit id on the session with the last relay.
    package let circuit: UInt32

    private var phase = Phase.awaitingOpen
    private var regionByteCount = 0
    private var grant = CellGrant()
    private var credit = CellCredit()
    private var assembly = FragmentAssembly()
    private var clock: CircuitClock
    private let limits: RelayLimits

    /// Begins with nothing received; the run that opened the circuit is the first input.
    package init(circuit: UInt32, limits: RelayLimits, at now: MonotonicInstant) {
        self.circuit = circuit
        self.limits = limits
        clock = CircuitClock(at: now, building: limits.buildTimePerHop, limits: limits)
    }

    /// How many bytes ``send(_:at:into:)`` takes now.
    package var writableByteCount: Int {
        phase == .open ? credit.forData * CellPayload.capacity(of: regionByteCount) : 0
    }

    /// Call ``deadlinePassed(at:into:)`` then.
    package var nextDeadline: MonotonicInstant { clock.nextDeadline }

    /// A run of this circuit's cells came.
    package mutating func received(
        _ cells: ByteBuffer, at now: MonotonicInstant, into actions: inout [CircuitAction]
    ) {
        guard phase != .ended else { return }
        clock.touched(at: now)
        let count = cells.readableBytes / Cell.byteCount
        guard grant.arrived(count) else { return end(.violation, into: &actions) }
        var cells = cells
        if phase == .awaitingOpen {
            guard let cell = cells.readSlice(length: Cell.byteCount), opened(by: cell, into: &actions) else {
                return end(.violation, into: &actions)
            }
        }
        if cells.readableBytes > 0 {
            guard let bytes = data(in: cells) else { return end(.violation, into: &actions) }
            actions.append(.received(bytes))
        }
        grant.released(count)
        if let more = grant.due() {
            actions.append(.send(.previous, .circuitCredit(circuit: circuit, cells: more)))
        }
    }

    private mutating func opened(by cell: ByteBuffer, into actions: inout [CircuitAction]) -> Bool {
        guard case .complete(.open, let message) = PlainCell.fragment(cell, .open, &assembly),
            message.readableBytes == 1, let depth = message.getInteger(at: message.readerIndex, as: UInt8.self),
            (1...Cell.depthMax + 1).contains(Int(depth))
        else { return false }
        regionByteCount = Cell.regionByteCount(depth: Int(depth))
        phase = .open
        clock.built()
        actions.append(.built)
        if let more = grant.widen(by: limits.firstGrant) {
            actions.append(.send(.previous, .circuitCredit(circuit: circuit, cells: more)))
        }
        return true
    }

    private func data(in cells: ByteBuffer) -> ByteBuffer? {
        var output = ByteBuffer()
        output.reserveCapacity(cells.readableBytes)
        let regionByteCount = regionByteCount
        let isSound = cells.withUnsafeReadableBytes { bytes in
            for offset in stride(from: 0, to: bytes.count, by: Cell.byteCount) {
                let cell = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + Cell.byteCount])
                let region = UnsafeRawBufferPointer(rebasing: cell[Cell.headerByteCount...].prefix(regionByteCount))
                guard CellHeader(cell)?.kind == .relay, let payload = CellPayload(region: region),
                    payload.command == .data
                else { return false }
                output.writeBytes(region[payload.range])
            }
            return true
        }
        return isSound ? output : nil
    }

    /// Grants no more cells while the connection inside does not read: so it has a window's bytes to keep at most.
    package mutating func pause() { grant.isPaused = true }

    /// Grants what was kept back.
    package mutating func resume(into actions: inout [CircuitAction]) {
        grant.isPaused = false
        guard phase != .ended, let more = grant.due() else { return }
        actions.append(.send(.previous, .circuitCredit(circuit: circuit, cells: more)))
    }

    /// Sends as much of `bytes` as the credit allows and leaves the rest; ``CircuitAction/writable`` follows.
    package mutating func send(
        _ bytes: inout ByteBuffer, at now: MonotonicInstant, into actions: inout [CircuitAction]
    ) {
        guard phase == .open else { return }
        let header = CellHeader(circuit: circuit, kind: .relay)
        let length = regionByteCount
        while bytes.readableBytes > 0 {
            let run = CellWriter.runCount(
                for: bytes.readableBytes, payloadByteCount: CellPayload.capacity(of: length), credit: credit.forData)
            guard run > 0, credit.spend(run) else { return }
            clock.touched(at: now)
            var cells = ByteBuffer()
            cells.reserveCapacity(run * Cell.byteCount)
            for _ in 0..<run {
                CellWriter.write(header, into: &cells) { body in
                    let region = UnsafeMutableRawBufferPointer(rebasing: body[..<length])
                    CellPayload.write(.data, remaining: 0, from: &bytes, region: region)
                    // The last relay overwrites the tail.
                    UnsafeMutableRawBufferPointer(rebasing: body[length...]).initializeMemory(
                        as: UInt8.self, repeating: 0)
                    return true
                }
            }
            actions.append(.send(.previous, .cells(cells)))
        }
    }

    /// The last relay allows us more cells.
    package mutating func credited(_ cells: UInt32, into actions: inout [CircuitAction]) {
        guard phase != .ended else { return }
        guard credit.allowed(cells) else { return end(.violation, into: &actions) }
        actions.append(.writable)
    }

    /// The last relay destroyed the circuit, or its session ended (``CircuitEnd/lost``).
    package mutating func destroyed(_ reason: CircuitEnd, into actions: inout [CircuitAction]) {
        guard phase != .ended else { return }
        phase = .ended
        actions.append(.ended(reason))
    }

    /// Ends the circuit where its time is over; otherwise nothing.
    package mutating func deadlinePassed(at now: MonotonicInstant, into actions: inout [CircuitAction]) {
        guard now >= nextDeadline else { return }
        end(.expired, into: &actions)
    }

    /// Ends the circuit: ``CircuitEnd/finished`` when the end-to-end connection is done.
    package mutating func end(_ reason: CircuitEnd, into actions: inout [CircuitAction]) {
        guard phase != .ended else { return }
        phase = .ended
        actions.append(.send(.previous, .circuitDestroy(circuit: circuit, reason: reason.rawValue)))
        actions.append(.ended(reason))
    }
}
