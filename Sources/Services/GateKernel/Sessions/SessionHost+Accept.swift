import GateModel
import GateSession
import GateTransport
import GateWire
import Logging
import NIOCore

/// Connections that other nodes open, up to their first byte.
extension SessionHost {
    /// A connection came in: turned away, or given the peer protocol, after a balancer's header where there are
    /// balancers. On its loop; throwing closes it.
    func accept(_ channel: any Channel) throws {
        guard let address = channel.remoteAddress, let ip = address.ip else { throw ChannelError.unknownLocalAddress }
        guard gate.awaitsHeaders else { return try admit(channel, from: address, ip) }
        if let refusal = gate.balancerConnected(from: ip) {
            kernel.metrics.connectionsAccepted.add()
            throw turnedAway(address, refusal)
        }
        let handler = ProxyHeaderHandler(timeout: admissionTime) { [self] end in
            gate.headerEnded()
            switch end {
            case .client(let client):
                guard let ip = client.ip else { throw ChannelError.unknownLocalAddress }
                try admit(channel, from: client, ip)
            case .refused, .late:
                kernel.metrics.connectionsAccepted.add()
                throw turnedAway(address, .headerless)
            case .balancer, .closed: break  // how balancers look whether somebody listens
            }
        }
        do {
            try channel.pipeline.syncOperations.addHandler(handler)
        } catch {
            gate.headerEnded()
            throw error
        }
    }

    /// Why a connection is closed before its first byte.
    struct TurnedAway: Error {}

    private func admit(_ channel: any Channel, from address: SocketAddress, _ ip: IPAddress) throws {
        kernel.metrics.connectionsAccepted.add()
        let refusal = gate.attempted(
            from: ip, sessionCount: kernel.sessionCount, at: SystemClock.now(), wall: SystemClock.wall())
        if let refusal { throw turnedAway(address, refusal) }
        do {
            let origin = SessionOwner.Origin(isRelayed: false, address: address, counted: ip, admitted: ip)
            try install(on: channel, origin, outcome: nil) { PeerConnection(accepting: [.peer], environment: $0) }
        } catch {
            gate.ended(ip)
            gate.left(ip)
            throw error
        }
    }

    private func turnedAway(_ address: SocketAddress, _ refusal: PeerGate.Refusal) -> TurnedAway {
        kernel.metrics.connectionsRefused[refusal]?.add()
        if gate.mayNote(at: SystemClock.now()) {
            noteRefusal(of: nil, at: "\(address)", isInbound: true, refusal.rawValue)
            kernel.logger.info(
                "Connection turned away", metadata: ["address": "\(address)", "reason": "\(refusal.rawValue)"])
        }
        return TurnedAway()
    }
}
