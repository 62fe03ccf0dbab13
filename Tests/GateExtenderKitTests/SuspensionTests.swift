import GateExtenderKit
import GateModel
import GateTestKit
import NIOCore
import Testing

@Suite(.timeLimit(.minutes(1))) struct SuspendedSessions {
    @Test func `keep their streams, and what was lost on the way is sent again`() async throws {
        try await withPair(EchoExtender()) { pair in
            try await pair.nodes.keepSessions()
            let stream = try await pair.connect().openStream(first: ByteBuffer(string: "before, "))
            #expect(try await stream.read().map { String(buffer: $0) } == "before, ")
            try await pair.nodes.hold()
            try await stream.write(ByteBuffer(string: "lost, "))
            try await pair.nodes.suspendSessions()
            let writing = Task { try await stream.write(ByteBuffer(string: "late")) }
            try await pair.nodes.resumeSessions()
            try await writing.value
            stream.finish()
            var text = ""
            for try await bytes in stream.bytes { text += String(buffer: bytes) }
            #expect(text == "lost, late")
        }
    }

    @Test func `have new streams and messages wait`() async throws {
        let counter = CountingExtender()
        try await withPair(counter) { pair in
            try await pair.nodes.keepSessions()
            let session = try await pair.connect()
            try await pair.nodes.suspendSessions()
            let stream = try await session.openStream(first: ByteBuffer(string: "x"))
            let sending = Task { try await session.send(ByteBuffer(bytes: [9])) }
            try await pair.nodes.resumeSessions()
            try await sending.value
            #expect(await counter.numbers(1) == [9])
            let failure = await #expect(throws: ExtenderFailure.self) { try await stream.read() }
            #expect(failure?.reset == .refused)
        }
    }

    @Test func `end, and their streams with them, when they do not come back in time`() async throws {
        let keeper = KeepingExtender()
        try await withPair(keeper, suspensionTime: .milliseconds(20)) { pair in
            try await pair.nodes.keepSessions()
            let session = try await pair.connect()
            let stream = try await session.openStream()
            _ = try await keeper.stream()
            try await pair.nodes.suspendSessions()
            let failure = await #expect(throws: ExtenderFailure.self) { try await stream.read() }
            #expect(failure?.code == .sessionEnded)
            await #expect(throws: ExtenderFailure.self) { try await session.openStream() }
            await #expect(throws: ExtenderFailure.self) { try await session.send(ByteBuffer(bytes: [1])) }
        }
    }

    @Test func `hear nothing of a worker that speaks of a lower epoch`() async throws {
        try await withPair(EchoExtender()) { pair in
            try await pair.nodes.keepSessions()
            let stream = try await pair.connect().openStream(first: ByteBuffer(string: "a"))
            #expect(try await stream.read() != nil)
            try await pair.nodes.suspendSessions()
            try await pair.nodes.resumeSessions()
            for change in [.suspended, .disconnected, .connected] as [PeerChange.Kind] {
                try await pair.nodes.tellStale(change)
            }
            try await stream.write(ByteBuffer(string: "b"))
            #expect(try await stream.read().map { String(buffer: $0) } == "b")
        }
    }

    @Test func `tell a reset that came meanwhile once they go on`() async throws {
        let keeper = KeepingExtender()
        try await withPair(keeper) { pair in
            try await pair.nodes.keepSessions()
            let stream = try await pair.connect().openStream()
            let far = try await keeper.stream()
            try await pair.nodes.suspendSessions()
            far.reset(StreamResetCode(rawValue: 2000))
            try await pair.nodes.resumeSessions()
            let failure = await #expect(throws: ExtenderFailure.self) { try await stream.read() }
            #expect(failure?.reset?.rawValue == 2000)
        }
    }
}
