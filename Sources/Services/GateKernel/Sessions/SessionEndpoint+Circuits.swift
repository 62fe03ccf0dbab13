import GateModel
import GateRelay
import GateStore
import GateWire
import NIOCore

/// The circuits that go over one session.
struct CircuitTable {
    /// By the circuit's number on this session.
    var parties: [UInt32: any CircuitParty] = [:]
    /// Those that got something in the read that is being worked off.
    var touched: [any CircuitParty] = []
    /// Credit for cells that the neighbour granted while too much waited for it.
    var heldBack: [UInt32: UInt32] = [:]
    /// The next number of our own: odd where we dialled.
    private var nextNumber: UInt32

    init(isInbound: Bool) { nextNumber = isInbound ? 2 : 1 }

    private var builds = 0
    private var buildsSince: MonotonicInstant?

    /// Whether the neighbour may open one more circuit now; counts it if so.
    mutating func mayBegin(_ limits: RelayLimits, at now: MonotonicInstant) -> Bool {
        if let since = buildsSince, now - since < limits.buildInterval {
            builds += 1
        } else {
            buildsSince = now
            builds = 1
        }
        return builds <= limits.buildsPerInterval && parties.count < limits.circuitsPerPeer
    }

    /// Gives a circuit of ours its number; `nil` once all are used up.
    mutating func enter(_ party: any CircuitParty) -> UInt32? {
        guard nextNumber < .max - 1 else { return nil }
        defer { nextNumber += 2 }
        parties[nextNumber] = party
        return nextNumber
    }
}

extension SessionEndpoint {
    /// Cells came, of one circuit or of several: each run of one circuit's goes to its party.
    func received(cells: ByteBuffer) {
        var cells = cells
        while let circuit = cells.getInteger(at: cells.readerIndex, as: UInt32.self) {
            var count = 1
            while (count + 1) * Cell.byteCount <= cells.readableBytes,
                cells.getInteger(at: cells.readerIndex + count * Cell.byteCount, as: UInt32.self) == circuit
            { count += 1 }
            guard let run = cells.readSlice(length: count * Cell.byteCount) else { return }
            guard let party = circuits.parties[circuit] ?? opened(circuit, by: run) else { continue }
            party.received(run, circuit: circuit, on: self)
            touch(party)
        }
    }

    /// Gives a circuit that goes on over this session its number; `nil` where the session has ended.
    func enter(_ party: any CircuitParty) -> UInt32? {
        guard driver != nil else { return nil }
        return circuits.enter(party)
    }

    func leave(_ circuit: UInt32) {
        circuits.parties[circuit] = nil
        circuits.heldBack[circuit] = nil
    }

    /// The neighbour takes more cells of a circuit; it is told so once what waits for the neighbour has gone.
    func credited(_ count: UInt32, _ circuit: UInt32) {
        guard let party = circuits.parties[circuit] else { return }
        guard !isBackedUp else {
            let (sum, overflows) = circuits.heldBack[circuit, default: 0].addingReportingOverflow(count)
            circuits.heldBack[circuit] = overflows ? .max : sum
            return
        }
        party.credited(count, circuit: circuit, on: self)
        touch(party)
    }

    func passOnCircuitCredit() {
        guard !circuits.heldBack.isEmpty else { return }
        let held = circuits.heldBack
        circuits.heldBack = [:]
        for (circuit, count) in held { credited(count, circuit) }
        circuitBatchEnded()
    }

    private func touch(_ party: any CircuitParty) {
        if circuits.touched.last !== party { circuits.touched.append(party) }
    }

    func circuitBatchEnded() {
        guard !circuits.touched.isEmpty else { return }
        let touched = circuits.touched
        circuits.touched.removeAll(keepingCapacity: true)
        for party in touched { party.batchEnded(on: self) }
    }

    func circuitsEnded() {
        let ending = circuits.parties
        circuits.parties = [:]
        circuits.touched = []
        circuits.heldBack = [:]
        for (circuit, party) in ending { party.sessionEnded(circuit: circuit, on: self) }
    }

    /// Begins this node's part in a circuit that the neighbour opens, if there is room and it may.
    private func opened(_ circuit: UInt32, by run: ByteBuffer) -> (any CircuitParty)? {
        let kind = run.getInteger(at: run.readerIndex + 4, as: UInt8.self).flatMap(CellKind.init)
        guard let party = kernel.circuits?.begin(kind, circuit: circuit, on: self) else {
            enqueue(.circuitDestroy(circuit: circuit, reason: CircuitEnd.refused.rawValue))
            return nil
        }
        circuits.parties[circuit] = party
        return party
    }
}
