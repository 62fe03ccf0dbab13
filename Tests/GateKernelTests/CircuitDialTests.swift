import GateCrypto
import GateLink
import GateModel
import GateStore
import GateTestKit
import GateTransport
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(1))) struct DialsForCircuits {
    private let own = OwnAddresses(
        listening: [Endpoint(host: "0.0.0.0", port: 9000), Endpoint(host: "127.0.0.1", port: 9001)],
        advertised: [Endpoint(host: "198.51.100.7", port: 443)], interfaces: [.v4(0x0a00_0005), .v4(0x0808_0808)])

    private func record(_ identity: IdentityKey, _ endpoints: [Endpoint], sequence: UInt64 = 1) -> NodeRecord {
        NodeRecord.issue(
            NodeRecord.Content(
                suites: [.standard], endpoints: endpoints, relays: true, sequence: sequence,
                expiry: SystemClock.wall() + 3600), by: identity)
    }

    private func identity(_ seed: UInt8) throws -> IdentityKey {
        try IdentityKey(seed: GuardedSecret([UInt8](repeating: seed, count: 32)))
    }

    @Test func `go to two literal addresses at most, public and not ours`() throws {
        let record = record(
            try identity(90),
            [
                Endpoint(host: "example.org", port: 443), Endpoint(host: "10.0.0.5", port: 9000),
                Endpoint(host: "198.51.100.7", port: 443), Endpoint(host: "8.8.8.8", port: 9000),
                Endpoint(host: "8.8.8.8", port: 9002), Endpoint(host: "192.168.1.1", port: 443),
                Endpoint(host: "9.9.9.9", port: 443), Endpoint(host: "1.1.1.1", port: 443),
            ])
        let places = record.places(own: own, allowsPrivate: false).map { "\($0.ip?.description ?? ""):\($0.port ?? 0)" }
        #expect(places == ["8.8.8.8:9002", "9.9.9.9:443"])
        let all = record.places(own: own, allowsPrivate: true).map { "\($0.ip?.description ?? ""):\($0.port ?? 0)" }
        #expect(all == ["8.8.8.8:9002", "192.168.1.1:443"])
    }

    @Test func `know own addresses, those of a wildcard included`() {
        #expect(own.contains(.v4(0x7f00_0001), port: 9000))
        #expect(own.contains(.v4(0x7f00_0001), port: 9001))
        #expect(!own.contains(.v4(0x0a00_0005), port: 9001))
        #expect(own.seen == [.v4(0x7f00_0001), .v4(0xc633_6407), .v4(0x0808_0808)])
        own.use(listening: [Endpoint(host: "127.0.0.1", port: 9005)])
        #expect(own.contains(.v4(0x7f00_0001), port: 9005))
        #expect(!own.contains(.v4(0x7f00_0001), port: 9000))
    }

    @Test func `are few at a time, for one neighbour and for all`() {
        func node(_ number: Int) -> NodeUUID { NodeUUID(UUIDBytes(high: 5, low: UInt64(number))) }
        func neighbour(_ number: Int) -> SessionID { SessionID(UUIDBytes(high: 6, low: UInt64(number))) }
        var dials = CircuitDials()
        for number in 0..<CircuitDials.perNeighbourMax { #expect(dials.begin(node(number), for: neighbour(0)) != nil) }
        #expect(dials.begin(node(1000), for: neighbour(0)) == nil)
        #expect(dials.begin(node(0), for: neighbour(1)) == nil)
        for number in CircuitDials.perNeighbourMax..<CircuitDials.allMax {
            #expect(dials.begin(node(number), for: neighbour(1 + number / CircuitDials.perNeighbourMax)) != nil)
        }
        #expect(dials.begin(node(1000), for: neighbour(999)) == nil)
        dials.end(node(0))
        #expect(dials.begin(node(1000), for: neighbour(0)) != nil)
    }

    @Test func `end with their ticket, whether it was told before or after`() {
        let ended = SharedCount()
        let ticket = DialTicket()
        ticket.onEnd { ended.add() }
        ticket.settle()
        ticket.end()
        #expect(ended.value == 0)
        ticket.onEnd { ended.add() }
        #expect(ended.value == 1)
        let other = DialTicket()
        other.onEnd { ended.add() }
        other.end()
        other.end()
        #expect(ended.value == 2)
        #expect(other.isOver)
    }

    /// A place where connections are taken and nothing is answered.
    private struct SilentPlace {
        let endpoint: Endpoint
        /// One for every connection.
        let arrivals: AsyncStream<Void>
    }

    /// A relay with a neighbour, a third node, and a silent place.
    private func withRelay(
        _ body: @Sendable (KernelNode, SessionEndpoint, KernelNode, SilentPlace) async throws -> Void
    ) async throws {
        try await withKernels(3) { nodes in
            let (relay, neighbour, third) = (nodes[0], nodes[1], nodes[2])
            try await relay.set(NodeSettings.relayAllowPrivate.definition, "true")
            try await relay.know(neighbour)
            try await neighbour.know(relay)
            try await third.know(relay)
            let session = try await relay.connect(to: neighbour.uuid).get()
            let endpoint = try #require(relay.kernel.kernel.session(session))
            let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
            let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelInitializer { channel in
                    arrived.yield()
                    return channel.eventLoop.makeSucceededVoidFuture()
                }
                .bind(host: "127.0.0.1", port: 0).get()
            let port = try #require(silent.localAddress?.port)
            let place = SilentPlace(endpoint: Endpoint(host: "127.0.0.1", port: UInt16(port)), arrivals: arrivals)
            try await body(relay, endpoint, third, place)
            try await silent.close()
        }
    }

    /// The third node's record.
    private func third(at endpoint: Endpoint, sequence: UInt64 = 1) throws -> NodeRecord {
        record(try identity(3), [endpoint], sequence: sequence)
    }

    @Test func `stop when the circuit is gone, and leave no trace`() async throws {
        try await withRelay { relay, neighbour, third, silent in
            let record = try self.third(at: silent.endpoint)
            let reach = try #require(relay.kernel.circuits.reach)
            let ticket = DialTicket()
            let start = ContinuousClock.now
            async let session = reach.session(for: record, from: neighbour, ticket)
            for await _ in silent.arrivals { break }
            ticket.end()
            #expect(await session == nil)
            #expect(ContinuousClock.now - start < .seconds(5))
            // A dial of our own to the same place is written down; it is the only one.
            _ = try await relay.store.editPeer(third.uuid, PeerEdit(endpoints: [silent.endpoint], access: .allowed))
            try await relay.set(NodeSettings.handshakeTimeout.definition, "1s")
            #expect(await relay.connect(to: third.uuid).failure != nil)
            _ = try await relay.refused("no answer")
            #expect(await relay.store.refusals(limit: 500).count == 1)
        }
    }

    @Test func `never make a dial of our own fail`() async throws {
        try await withRelay { relay, neighbour, third, silent in
            let stale = try self.third(at: silent.endpoint)
            let reach = try #require(relay.kernel.circuits.reach)
            let ticket = DialTicket()
            async let stranger = reach.session(for: stale, from: neighbour, ticket)
            for await _ in silent.arrivals { break }
            try await relay.know(third)
            let session = try await relay.connect(to: third.uuid).get()
            #expect(await stranger?.id == session)
        }
    }

    @Test func `follow no record that a newer one replaced`() async throws {
        try await withRelay { relay, neighbour, third, _ in
            let reach = try #require(relay.kernel.circuits.reach)
            try await relay.know(third)
            let old = try self.third(at: third.endpoint, sequence: 1)
            let new = try self.third(at: third.endpoint, sequence: 2)
            _ = try await relay.store.editPeer(third.uuid, PeerEdit(record: new.encoded))
            #expect(await reach.session(for: old, from: neighbour, DialTicket()) == nil)
            #expect(await reach.session(for: new, from: neighbour, DialTicket()) != nil)
        }
    }
}

/// Counts from any thread.
private final class SharedCount: Sendable {
    private let count = NIOLockedValueBox(0)
    var value: Int { count.withLockedValue { $0 } }
    func add() { count.withLockedValue { $0 += 1 } }
}
