import GateExtenderKit
import GateModel
import NIOCore
import Testing

/// What all streams of a replica hold is bounded, and what those of a session do. Windows are 256 KiB.
@Suite(.timeLimit(.minutes(1))) struct StreamHoldingsTests {
    /// Two windows and what a writer has beside them.
    private static let heldMax = 640 * 1024
    private static let wantedCount = 16 * 1024 * 1024
    /// Of a stream that is known to be taken.
    private static let firstCount = 1024 * 1024

    @Test func `of streams that are not read some are reset, and who reads goes on`() async throws {
        try await withPair(PouringExtender(), heldMax: Self.heldMax) { pair in
            let taken = try await pair.connect().openStream()
            try await read(Self.firstCount, from: taken)
            var left: [PeerStream] = []
            for _ in 0..<4 {
                left.append(try await pair.connect().openStream())
                try await read(Self.firstCount, from: taken)
            }
            try await read(Self.wantedCount, from: taken)
            #expect(try await resetCodes(of: left).count >= 2)
        }
    }

    @Test func `of streams that nobody here consumes some are reset, and who is consumed goes on`() async throws {
        let keeper = KeepingExtender()
        try await withPair(keeper, heldMax: Self.heldMax) { pair in
            let near = try await pair.connect().openStream()
            let taken = try await keeper.stream()
            let codes = try await withThrowingTaskGroup(of: StreamResetCode?.self) { group in
                let writer = Task { try await pour(Int.max, into: near) }
                try await read(Self.firstCount, from: taken)
                for _ in 0..<4 {
                    let stream = try await pair.connect().openStream()
                    group.addTask { try await pour(Int.max, into: stream) }
                    try await read(Self.firstCount, from: taken)
                }
                let codes = [try await group.next(), try await group.next()]
                try await read(Self.wantedCount, from: taken)
                writer.cancel()
                group.cancelAll()
                return codes
            }
            #expect(codes == [.overloaded, .overloaded])
        }
    }

    @Test func `what was read to the last byte is not kept by who sent it`() async throws {
        let keeper = KeepingExtender()
        try await withPair(keeper) { pair in
            let near = try await pair.connect().openStream()
            let far = try await keeper.stream()
            // Three grants of a quarter window, and then less than one.
            let count = 3 * 65_536 + 50_000
            try await near.write(ByteBuffer(repeating: 7, count: count))
            try await read(count, from: far)
            async let next = far.read()
            while try await near.acknowledgedByteCount < UInt64(count) { try await Task.sleep(for: .milliseconds(10)) }
            near.finish()
            #expect(try await next == nil)
        }
    }

    @Test func `what came before a reset counts until it is read or dropped`() async throws {
        let keeper = KeepingExtender()
        try await withPair(keeper, heldMax: Self.heldMax) { pair in
            var kept: [PeerStream] = []
            for _ in 0..<4 {
                let near = try await pair.connect().openStream()
                let far = try await keeper.stream()
                try await near.write(ByteBuffer(repeating: 7, count: 262_144))
                while try await far.heldByteCount < 262_144 { await Task.yield() }
                near.reset(.cancelled)
                kept.append(far)
            }
            // What three hold is too much, and what is given up can't be read.
            var counts: [Int] = []
            for stream in kept {
                var count = 0
                while let bytes = try? await stream.read() { count += bytes.readableBytes }
                counts.append(count)
            }
            #expect(counts.filter { $0 == 0 }.count >= 2, "\(counts)")
        }
    }

    @Test func `one session holds half at most`() async throws {
        try await withPair(PouringExtender(), heldMax: 2 * Self.heldMax) { pair in
            let session = try await pair.connect()
            var left: [PeerStream] = []
            for _ in 0..<4 { left.append(try await session.openStream()) }
            #expect(try await resetCodes(of: left).count >= 2)
        }
    }

    /// How those streams ended of which not all can be read that is wanted.
    private func resetCodes(of streams: [PeerStream]) async throws -> [StreamResetCode] {
        // None is read before all hold what they can: the windows are full once nothing more comes.
        for stream in streams {
            var (before, held) = (-1, 0)
            while held == 0 || held != before {
                try await Task.sleep(for: .milliseconds(50))
                (before, held) = (held, try await stream.heldByteCount)
            }
        }
        var codes: [StreamResetCode] = []
        for stream in streams {
            do { try await read(Self.wantedCount, from: stream) } catch let failure as ExtenderFailure {
                codes.append(try #require(failure.reset))
            }
        }
        #expect(Set(codes) == [.overloaded])
        return codes
    }

    private func read(_ wanted: Int, from stream: PeerStream) async throws {
        var count = 0
        while count < wanted { count += try #require(try await stream.read()).readableBytes }
    }
}

/// Writes so much; how the stream ended where it did before.
private func pour(_ wanted: Int, into stream: PeerStream) async throws -> StreamResetCode? {
    let piece = ByteBuffer(repeating: 7, count: 32 * 1024)
    var count = 0
    do {
        while count < wanted {
            try await stream.write(piece)
            count += piece.readableBytes
        }
        return nil
    } catch let failure as ExtenderFailure {
        return failure.reset
    }
}

/// Writes as much as each stream takes.
private struct PouringExtender: Extender {
    let id = testExtender
    let name = "test"

    func opened(_ stream: PeerStream) async throws { _ = try await pour(Int.max, into: stream) }
}
