import GateModel
import GateRelay
import GateSession
import GateTransport
import GateWire
import NIOCore

/// This node's part in a circuit that ends here: it knows the last relay, and whom the session inside proves.
///
/// `@unchecked Sendable`: touched on the last relay's session's loop only.
final class DestinationParty: CircuitCarrier, @unchecked Sendable {
    private var machine: CircuitDestination

    init(
        circuit: UInt32, on neighbour: SessionEndpoint, host: SessionHost, context: LoopContext, limits: RelayLimits
    ) {
        machine = CircuitDestination(circuit: circuit, limits: limits, at: SystemClock.now())
        let owner = SessionOwner(
            host: host, eventLoop: neighbour.eventLoop, origin: .init(isRelayed: true, address: nil), outcome: nil)
        super.init(
            over: neighbour,
            connection: PeerConnection(accepting: [.endToEnd], environment: context.environment),
            owner: owner, context: context)
    }

    override var writableByteCount: Int { machine.writableByteCount }
    override var circuit: UInt32 { machine.circuit }

    override func send(_ bytes: inout ByteBuffer, at now: MonotonicInstant) {
        machine.send(&bytes, at: now, into: &actions)
    }

    override func pauseCredit() { machine.pause() }
    override func resumeCredit() { machine.resume(into: &actions) }

    override func finishCircuit() { machine.end(.finished, into: &actions) }

    override func received(_ cells: ByteBuffer, circuit: UInt32, on session: SessionEndpoint) {
        machine.received(cells, at: SystemClock.now(), into: &actions)
        perform()
    }

    override func credited(_ count: UInt32, circuit: UInt32, on session: SessionEndpoint) {
        machine.credited(count, into: &actions)
        perform()
    }

    override func destroyed(_ reason: UInt8, circuit: UInt32, on session: SessionEndpoint) {
        machine.destroyed(CircuitEnd(wire: reason), into: &actions)
        perform()
    }

    override func sessionEnded(circuit: UInt32, on session: SessionEndpoint) {
        machine.destroyed(.lost, into: &actions)
        perform()
    }

    override func machineDeadlinePassed(at now: MonotonicInstant) { machine.deadlinePassed(at: now, into: &actions) }

    override var description: CircuitDescription? {
        CircuitDescription(
            part: .destination, nodes: [neighbour.peer.text], state: "open", forwardedBytes: 0,
            ageSeconds: (SystemClock.now() - bornAt).components.seconds)
    }
}
