import GateCrypto
import GateLink
import GateModel
import GateSession
import GateStore
import GateTestKit
import GateTransport
import GateWire
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(1))) struct ConnectionsAtTheGate {
    /// Connections that say nothing, held open for as long as `body` takes.
    private func withSilence(
        _ count: Int, at endpoint: Endpoint, _ body: () async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var channels: [any Channel] = []
        for _ in 0..<count {
            channels.append(
                try await ClientBootstrap(group: group).connect(host: endpoint.host, port: Int(endpoint.port)).get())
        }
        let outcome: Result<Void, any Error>
        do {
            try await body()
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        for channel in channels { try? await channel.close() }
        try await group.shutdownGracefully()
        try outcome.get()
    }

    private func pair(_ nodes: [KernelNode]) async throws -> (KernelNode, KernelNode) {
        try await nodes[0].know(nodes[1])
        try await nodes[1].know(nodes[0])
        return (nodes[0], nodes[1])
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func `of an address with as many handshakes under way as it may have none is taken`(host: String) async throws {
        try await withKernels(2, at: host) { nodes in
            let (near, far) = try await pair(nodes)
            try await far.set(NodeSettings.handshakePerAddress, 3)
            try await withSilence(3, at: try far.endpoint) {
                while far.kernel.host.gate.halfOpenCount < 3 { try await Task.sleep(for: .milliseconds(5)) }
                let failure = try #require(await near.connect(to: far.uuid).failure)
                #expect(failure.reason == ConnectFault.unanswered)
                let row = try await far.refused("too many handshakes")
                #expect(row.isInbound)
                #expect(row.node == nil)
            }
            while far.kernel.host.gate.halfOpenCount > 0 { try await Task.sleep(for: .milliseconds(5)) }
            _ = try await near.connect(to: far.uuid).get()
            #expect(far.kernel.host.gate.halfOpenCount == 0)
        }
    }

    @Test func `beyond as many handshakes as a worker holds none is taken`() async throws {
        try await withKernels(2) { nodes in
            let (near, far) = try await pair(nodes)
            try await far.set(NodeSettings.handshakeHalfOpen, 16)
            try await withSilence(16, at: try far.endpoint) {
                while far.kernel.host.gate.halfOpenCount < 16 { try await Task.sleep(for: .milliseconds(5)) }
                #expect(await near.connect(to: far.uuid).failure?.code == .notAccepted)
                _ = try await far.refused("too many handshakes")
            }
        }
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func `from a denied block are closed, sessions that stand too, and are taken again without the rule`(host: String)
        async throws
    {
        try await withKernels(2, at: host) { nodes in
            let (near, far) = try await pair(nodes)
            _ = try await near.connect(to: far.uuid).get()
            try await far.holds(1)
            let length = host == "::1" ? 128 : 8
            let prefix = try #require(IPAddress(text: host == "::1" ? "::1" : "127.0.0.0"))
            let rule = try #require(AddressRule(prefix: prefix, length: length, isAllowed: false))
            try await far.store.setAddressRule(rule)
            try await far.holds(0)
            try await near.holds(0)
            #expect(await near.connect(to: far.uuid).failure?.code == .notAccepted)
            _ = try await far.refused("denied block")
            try await far.store.removeAddressRule(rule)
            while !far.kernel.host.gate.allows(prefix, at: SystemClock.wall()) {
                try await Task.sleep(for: .milliseconds(5))
            }
            _ = try await near.connect(to: far.uuid).get()
        }
    }

    @Test func `beyond as many sessions as a worker holds are turned away`() async throws {
        try await withKernels(3) { nodes in
            let (near, far) = try await pair(nodes)
            try await nodes[2].know(far)
            try await far.know(nodes[2])
            try await far.set(NodeSettings.sessionsMaximum, 1)
            _ = try await near.connect(to: far.uuid).get()
            try await far.holds(1)
            #expect(await nodes[2].connect(to: far.uuid).failure?.code == .notAccepted)
            _ = try await far.refused("sessions.maximum")
            let dialled = try #require(await far.connect(to: nodes[2].uuid).failure)
            #expect(dialled.code == .overloaded)
            #expect(far.kernel.kernel.sessionCount == 1)
        }
    }

    @Test func `of one node are refused while as many sessions with it stand as may`() {
        let settings = NodeSettingValues(rows: [
            SettingRow(
                key: NodeSettings.sessionsPerPeer.definition.key, value: "2", version: 1,
                changedAt: UnixTime(seconds: 0), changedBy: "test")
        ])
        let kernel = KernelState(
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            metrics: KernelMetrics(worker: "kernel-1"))
        let (own, peer) = (NodeUUID(UUIDBytes(high: 1, low: 1)), NodeUUID(UUIDBytes(high: 2, low: 2)))
        let sessions = (1...2).map { number in
            SessionEndpoint(
                id: SessionID(UUIDBytes(high: 0, low: UInt64(number))), peer: .node(peer),
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
                way: .init(isRelayed: true, isInbound: true, isHiding: false, address: nil, certifiedUntil: nil),
                since: UnixTime(seconds: 0), driver: SilentDriver(), kernel: kernel,
                backlog: LoopBacklog())
        }
        for session in sessions {
            #expect(kernel.refusal(of: peer, settings: settings) == nil)
            _ = kernel.established(session, secret: [], own: own, settings: settings)
        }
        #expect(kernel.refusal(of: peer, settings: settings) == .crowd)
        #expect(kernel.refusal(of: own, settings: settings) == nil)
        kernel.ended(sessions[0], reason: "")
        kernel.ended(sessions[0], reason: "")
        #expect(kernel.refusal(of: peer, settings: settings) == nil)
    }

    @Test func `cost an address that fails`() {
        let gate = PeerGate()
        let address = IPAddress.v4(0xc633_6401)
        let (now, wall) = (MonotonicInstant(nanoseconds: 0), UnixTime(seconds: 0))
        for _ in 0..<4 { gate.charge(address, for: .unintelligible, at: now) }
        #expect(gate.attempted(from: address, sessionCount: 0, at: now, wall: wall) == .penalized)
        #expect(gate.attempted(from: .v4(0xc633_6402), sessionCount: 0, at: now, wall: wall) == nil)
        #expect(gate.attempted(from: address, sessionCount: 0, at: now + .seconds(30), wall: wall) == nil)
        for _ in 0..<4 { gate.charge(.v4(0xc633_6403), for: .protocolViolation, at: now) }
        #expect(gate.attempted(from: .v4(0xc633_6403), sessionCount: 0, at: now, wall: wall) == nil)
    }

    @Test func `of one network are no more than it may have, handshakes and sessions together`() {
        let gate = PeerGate()
        let (now, wall) = (MonotonicInstant(nanoseconds: 0), UnixTime(seconds: 0))
        gate.use(
            NodeSettingValues(rows: [
                SettingRow(
                    key: NodeSettings.sessionsPerIPv4Subnet.definition.key, value: "2", version: 1, changedAt: wall,
                    changedBy: "test")
            ]))
        let network = (1...3).map { IPAddress.v4(0xc633_6400 + $0) }
        for address in network.prefix(2) {
            #expect(gate.attempted(from: address, sessionCount: 0, at: now, wall: wall) == nil)
            gate.ended(address)
        }
        #expect(gate.attempted(from: network[2], sessionCount: 0, at: now, wall: wall) == .subnet)
        #expect(gate.attempted(from: .v4(0xc633_6501), sessionCount: 0, at: now, wall: wall) == nil)
        gate.left(network[0])
        #expect(gate.attempted(from: network[2], sessionCount: 0, at: now, wall: wall) == nil)
    }

    @Test func `are counted for their network until they have ended`() async throws {
        try await withKernels(2) { nodes in
            let (near, far) = try await pair(nodes)
            let session = try await near.connect(to: far.uuid).get()
            try await far.holds(1)
            #expect(far.kernel.host.gate.networkCount == 1)
            let endpoint = try #require(near.kernel.kernel.session(session))
            endpoint.eventLoop.execute { endpoint.close(.done) }
            while far.kernel.host.gate.networkCount > 0 { try await Task.sleep(for: .milliseconds(5)) }
        }
    }

    @Test func `are written down ten times a second at most`() {
        let gate = PeerGate()
        let now = MonotonicInstant(nanoseconds: 0)
        let noted = (0..<1000).count { _ in gate.mayNote(at: now) }
        #expect(noted == 10)
        #expect(gate.mayNote(at: now + .seconds(1)))
    }
}

/// Carries nothing.
private final class SilentDriver: SessionDriver {
    func enqueue(_ message: SessionMessage) {}
    func makeAlias() -> UInt32? { nil }
    func flush() {}
    var waitingByteCount: Int { 0 }
    var sealedByteCount: UInt64 { 0 }
    func resumptionSecret() -> Secret? { nil }
    func close(_ reason: SessionCloseReason) {}
}
