import GateExtenderKit
import GateModel
import GateTestKit
import NIOCore
import Testing

@Suite(.timeLimit(.minutes(1))) struct HandlerSharesTests {
    @Test func `a session that fills its share is refused, another one served`() async throws {
        let keeper = KeepingExtender()
        try await withPair(keeper, handlersPerSession: 2) { pair in
            let greedy = try await pair.connect()
            let held = [try await greedy.openStream(), try await greedy.openStream()]
            let third = try await greedy.openStream()
            let failure = await #expect(throws: ExtenderFailure.self) { try await third.read() }
            #expect(failure?.reset == .overloaded)
            let modest = try await pair.connect().openStream(first: ByteBuffer(string: "x"))
            let served = [try await keeper.stream(), try await keeper.stream(), try await keeper.stream()]
            #expect(served.map(\.id).contains(modest.id))
            #expect(Set(served.map(\.id)).isSuperset(of: held.map(\.id)))
        }
    }

    @Test func `a stream that its handler finished and dropped is reset when its peer stands still`() async throws {
        try await withPair(FinishingExtender(), abandonedTime: .milliseconds(20)) { pair in
            let stream = try await pair.connect().openStream()
            #expect(try await stream.read() != nil)
            #expect(try await stream.read() == nil)
            let failure = await #expect(throws: ExtenderFailure.self) {
                while true { try await stream.write(ByteBuffer(string: "still here")) }
            }
            #expect(failure?.reset == .cancelled)
        }
    }

    @Test func `places come back and shares hold`() {
        var places = SharedPlaces<Int>(total: 3, share: 2)
        let taken = [1, 1, 1, 2, 3].map { places.take(for: $0) }
        #expect(taken == [true, true, false, true, false])
        places.leave(1)
        places.leave(3)
        #expect(places.takenCount == 2)
        let another = places.take(for: 3)
        #expect(another)
    }
}

/// Says two bytes, finishes, and is done, whatever the peer does.
private struct FinishingExtender: Extender {
    let id = testExtender
    let name = "test"

    func opened(_ stream: PeerStream) async throws {
        try await stream.write(ByteBuffer(string: "no"))
        stream.finish()
    }
}
