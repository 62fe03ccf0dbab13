import GateExtenderKit
import GateModel
import GateTestKit
import Logging
import NIOCore
import NIOPosix
import Testing

@Suite(.timeLimit(.minutes(1))) struct ExtenderServiceTests {
    @Test func `a stream echoes and finishes in both directions`() async throws {
        try await withPair(EchoExtender()) { pair in
            let session = try await pair.connect()
            let stream = try await session.openStream(first: ByteBuffer(string: "hello, "))
            try await stream.write(ByteBuffer(string: "world"))
            stream.finish()
            var text = ""
            for try await bytes in stream.bytes { text += String(buffer: bytes) }
            #expect(text == "hello, world")
        }
    }

    @Test func `a hundred streams at once carry each its own bytes`() async throws {
        try await withPair(EchoExtender()) { pair in
            let session = try await pair.connect()
            try await withThrowingDiscardingTaskGroup { group in
                for number in 0..<100 {
                    group.addTask {
                        let stream = try await session.openStream()
                        let sent = ByteBuffer(repeating: UInt8(number), count: 100_000)
                        try await stream.write(sent)
                        stream.finish()
                        var count = 0
                        for try await bytes in stream.bytes {
                            #expect(bytes.readableBytesView.allSatisfy { $0 == UInt8(number) })
                            count += bytes.readableBytes
                        }
                        #expect(count == 100_000)
                    }
                }
            }
        }
    }

    @Test func `a reader that does not read stops its writer, and nothing beyond the window is held`() async throws {
        let keeper = KeepingExtender()
        try await withPair(keeper) { pair in
            let session = try await pair.connect()
            let stream = try await session.openStream()
            let writer = Task {
                for _ in 0..<64 { try await stream.write(ByteBuffer(repeating: 7, count: 65_536)) }
                stream.finish()
            }
            let far = try await keeper.stream()
            while try await far.heldByteCount < 262_144 { await Task.yield() }
            #expect(try await far.heldByteCount == 262_144)
            #expect(try await stream.acknowledgedByteCount == 0)
            var count = 0
            for try await bytes in far.bytes {
                count += bytes.readableBytes
                #expect(try await far.heldByteCount <= 262_144)
            }
            try await writer.value
            #expect(count == 64 * 65_536)
            // The last acknowledgement is on its way when the reader has its last byte.
            while try await stream.acknowledgedByteCount < 64 * 65_536 { await Task.yield() }
        }
    }

    @Test func `a reset reaches the other side's reader with its code`() async throws {
        let keeper = KeepingExtender()
        try await withPair(keeper) { pair in
            let stream = try await pair.connect().openStream()
            let far = try await keeper.stream()
            far.reset(StreamResetCode(rawValue: 2000))
            let failure = await #expect(throws: ExtenderFailure.self) { try await stream.read() }
            #expect(failure?.code == .streamReset)
            #expect(failure?.reset?.rawValue == 2000)
        }
    }

    @Test func `a handler that throws resets its stream as failed`() async throws {
        try await withPair(ThrowingExtender()) { pair in
            let stream = try await pair.connect().openStream()
            let failure = await #expect(throws: ExtenderFailure.self) { try await stream.read() }
            #expect(failure?.reset == .failed)
        }
    }

    @Test func `an extender without a stream handler refuses`() async throws {
        try await withPair(SilentExtender()) { pair in
            let stream = try await pair.connect().openStream()
            let failure = await #expect(throws: ExtenderFailure.self) { try await stream.read() }
            #expect(failure?.reset == .refused)
        }
    }

    @Test func `when the peer vanishes readers and writers learn it`() async throws {
        let keeper = KeepingExtender()
        try await withPair(keeper) { pair in
            let stream = try await pair.connect().openStream()
            let far = try await keeper.stream()
            let reading = Task { try await stream.read() }
            try await pair.nodes.endSessions()
            let failure = await #expect(throws: ExtenderFailure.self) { try await reading.value }
            #expect(failure?.code == .sessionEnded)
            await #expect(throws: ExtenderFailure.self) { try await far.read() }
            await #expect(throws: ExtenderFailure.self) { try await stream.write(ByteBuffer(string: "x")) }
        }
    }

    @Test func `after its link breaks a replica attaches again and works`() async throws {
        try await withPair(EchoExtender()) { pair in
            let lost = try await pair.connect()
            try await pair.nodes.closeLinks()
            try await pair.attached()
            await #expect(throws: ExtenderFailure.self) { try await lost.openStream().read() }
            let stream = try await pair.connect().openStream(first: ByteBuffer(string: "again"))
            #expect(try await stream.read().map { String(buffer: $0) } == "again")
        }
    }

    @Test func `a node that nobody knows cannot be connected`() async throws {
        try await withPair(EchoExtender()) { pair in
            let stranger = NodeUUID(UUIDBytes(high: 9, low: 9))
            let failure = await #expect(throws: ExtenderFailure.self) { try await pair.near.connect(to: stranger) }
            #expect(failure?.code == .unreachable)
        }
    }

    @Test func `a cancelled reader stops waiting`() async throws {
        let keeper = KeepingExtender()
        try await withPair(keeper) { pair in
            let stream = try await pair.connect().openStream()
            let reading = Task { try await stream.read() }
            _ = try await keeper.stream()
            reading.cancel()
            await #expect(throws: CancellationError.self) { try await reading.value }
        }
    }

    @Test func `messages arrive in order and credit comes back`() async throws {
        let counter = CountingExtender()
        try await withPair(counter) { pair in
            let session = try await pair.connect()
            for number in 0..<20 {
                try await session.send(ByteBuffer(repeating: UInt8(number), count: 900_000))
            }
            #expect(await counter.numbers(20) == Array(0..<20))
        }
    }

    @Test func `a peer's identity is what it showed`() async throws {
        let keeper = KeepingExtender()
        try await withPair(keeper) { pair in
            _ = try await pair.connect().openStream()
            #expect(try await keeper.stream().peer == .node(Pair.nearNode))
            _ = try await pair.near.connect(to: Pair.farNode, route: .relayed(hops: 2), anonymous: true).openStream()
            #expect(try await keeper.stream().peer == .anonymous)
        }
    }
}

struct EchoExtender: Extender {
    let id = testExtender
    let name = "echo"

    func opened(_ stream: PeerStream) async throws {
        for try await bytes in stream.bytes { try await stream.write(bytes) }
        stream.finish()
    }
}

struct ThrowingExtender: Extender {
    struct Fault: Error {}
    let id = testExtender
    let name = "throwing"

    func opened(_ stream: PeerStream) async throws { throw Fault() }
}

struct SilentExtender: Extender {
    let id = testExtender
    let name = "silent"
}

/// Hands incoming streams to the test and keeps them open.
struct KeepingExtender: Extender {
    let id = testExtender
    let name = "keeping"
    private let streams = AsyncStream.makeStream(of: PeerStream.self)

    func opened(_ stream: PeerStream) async throws {
        streams.continuation.yield(stream)
        for await _ in AsyncStream.makeStream(of: Void.self).stream {}
    }

    func stream() async throws -> PeerStream {
        var iterator = streams.stream.makeAsyncIterator()
        return try #require(await iterator.next())
    }
}

/// Notes the first byte of each message.
struct CountingExtender: Extender {
    let id = testExtender
    let name = "counting"
    private let bytes = AsyncStream.makeStream(of: UInt8.self)

    func received(_ message: PeerMessage) async {
        bytes.continuation.yield(message.payload.readableBytesView.first ?? 255)
    }

    func numbers(_ count: Int) async -> [UInt8] {
        var numbers: [UInt8] = []
        for await number in bytes.stream.prefix(count) { numbers.append(number) }
        return numbers
    }
}
