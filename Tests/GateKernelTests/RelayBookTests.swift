import GateCrypto
import GateModel
import GateRelay
import GateStore
import GateTestKit
import GateTransport
import Logging
import Testing

@testable import GateKernel

@Suite struct BooksOfRelays {
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// Relay `number`, or the destination, in a /16 of its own.
    private func record(_ number: UInt8) throws -> NodeRecord {
        let identity = try IdentityKey(seed: GuardedSecret([UInt8](repeating: 100 + number, count: 32)))
        return NodeRecord.issue(
            NodeRecord.Content(
                suites: [.standard], endpoints: [Endpoint(host: "20.\(number).0.1", port: 443)], relays: number > 0,
                sequence: 1, expiry: SystemClock.wall() + 3600), by: identity)
    }

    private func book(relays: ClosedRange<UInt8>, ownAddresses: [IPAddress] = []) async throws -> RelayBook {
        let store = MemoryStore(clock: { SystemClock.wall().seconds * 1000 })
        for number in relays {
            let record = try record(number)
            _ = try await store.editPeer(record.node, PeerEdit(isRelay: true, record: record.encoded))
        }
        let own = NodeUUID(UUIDBytes(high: 1, low: 1))
        let book = RelayBook(own: own, ownAddresses: ownAddresses, store: store, logger: logger)
        try await book.fill(at: SystemClock.wall())
        return book
    }

    /// The first hops of many paths.
    private func firstHops(_ book: RelayBook, hops: Int = 2) throws -> Set<NodeUUID> {
        let destination = try record(0)
        return Set(
            try (0..<60).compactMap { _ in try book.path(hops: hops, to: destination, settings: .defaults).first?.node }
        )
    }

    @Test func `keep first hops, whatever other relays report of them`() async throws {
        let book = try await book(relays: 1...9)
        let guards = try firstHops(book)
        #expect(guards.count == RelayBook.guardCount)
        for number in 1...9 as ClosedRange<UInt8> {
            let other = try record(number).node
            for first in guards where first != other { book.failed(.link(first, other, isDestination: false)) }
        }
        #expect(try firstHops(book) == guards)
    }

    @Test func `pass over a first hop that is not reached, and take it back when it is`() async throws {
        let book = try await book(relays: 1...9)
        let guards = try firstHops(book)
        let gone = try #require(guards.first)
        book.failed(.firstHop(gone))
        try await book.fill(at: SystemClock.wall())
        #expect(try firstHops(book) == guards.subtracting([gone]))
        book.reached(gone)
        #expect(try firstHops(book) == guards)
    }

    @Test func `leave out relays in our own network`() async throws {
        let book = try await book(relays: 1...4, ownAddresses: [.v4(0x1401_0000), .v4(0x1402_0000), .v4(0x1403_0000)])
        #expect(try firstHops(book, hops: 1) == [try record(4).node])
    }

    @Test func `blame the first hop itself, and any other relay together with its predecessor`() throws {
        let path = try [record(1), record(2)]
        let destination = try record(0)
        func blame(_ failure: CircuitFailure, _ joined: Int) -> CircuitBlame? {
            FailedBuild(failure: failure, joinedCount: joined).blame(path, to: destination)
        }
        let (one, two) = (path[0].node, path[1].node)
        #expect(blame(.handshake(position: 0), 0) == .firstHop(one))
        #expect(blame(.ended(.refused), 0) == .firstHop(one))
        #expect(blame(.unreachable(position: 1), 1) == .link(one, two, isDestination: false))
        #expect(blame(.tooSlow, 1) == .link(one, two, isDestination: false))
        #expect(blame(.unreachable(position: 2), 2) == .link(two, destination.node, isDestination: true))
        #expect(blame(.ended(.lost), 2) == .link(two, destination.node, isDestination: true))
        #expect(blame(.badPath, 0) == nil)
    }
}
