import GateLink
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
    private var numbers: CircuitNumbers

    init(isInbound: Bool) { numbers = CircuitNumbers(isInitiator: !isInbound) }

    /// Gives a circuit of ours its number; `nil` once all are used up.
    mutating func enter(_ party: any CircuitParty) -> UInt32? {
        guard let number = numbers.allot() else { return nil }
        parties[number] = party
        return number
    }

    /// Whether the other side opens circuits under such numbers.
    func isPeers(_ circuit: UInt32) -> Bool { numbers.mayBeOpenedByPeer(circuit) }
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

    func leave(_ circuit: UInt32) { _ = removeParty(of: circuit) }

    /// Takes a circuit off the table; one that the neighbour opened makes room for another.
    func removeParty(of circuit: UInt32) -> (any CircuitParty)? {
        circuits.heldBack[circuit] = nil
        guard let party = circuits.parties.removeValue(forKey: circuit) else { return nil }
        if circuits.isPeers(circuit) { kernel.circuits?.ended(by: opener) }
        return party
    }

    /// Who opens circuits over this session.
    var opener: CircuitAllowance.Opener {
        switch peer {
        case .node(let node): .node(node)
        case .anonymous: .anonymous(id)
        }
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
        circuits.touched = []
        for circuit in Array(circuits.parties.keys) {
            removeParty(of: circuit)?.sessionEnded(circuit: circuit, on: self)
        }
    }

    /// Begins this node's part in a circuit that the neighbour opens, if there is room and it may.
    private func opened(_ circuit: UInt32, by run: ByteBuffer) -> (any CircuitParty)? {
        let kind = run.getInteger(at: run.readerIndex + 4, as: UInt8.self).flatMap(CellKind.init)
        guard circuits.isPeers(circuit), let party = kernel.circuits?.begin(kind, circuit: circuit, on: self) else {
            enqueue(.circuitDestroy(circuit: circuit, reason: CircuitEnd.refused.rawValue))
            return nil
        }
        circuits.parties[circuit] = party
        return party
    }
}
