import GateModel
import NIOCore

/// Flights of one connection that were written and have not left yet: cut to pieces, each with a moment of its own.
///
///     waiting ──its moment: one piece──▶ ready ──taken──▶ gone
///
/// A pure machine: time and random numbers come from outside. Holds as many flights as a side writes in a handshake, two
/// at most at once.
struct Departure {
    private struct Piece {
        let byteCount: Int
        let at: MonotonicInstant
    }

    private var bytes = ByteBuffer()
    private var waiting = Fifo<Piece>()
    private var last: MonotonicInstant?
    private var readyBytes = 0

    /// When the next piece wants to leave; `nil` where none waits.
    var next: MonotonicInstant? { waiting.first?.at }

    /// Whether there is something to take.
    var isReady: Bool { readyBytes > 0 }

    /// Whether everything was taken.
    var isOver: Bool { waiting.isEmpty && readyBytes == 0 }

    /// Takes a flight over. Its pieces leave in order, at moments drawn evenly between `now` and `longest` later; behind
    /// an earlier flight's, if there is one.
    mutating func hold(
        _ flight: ByteBuffer, at now: MonotonicInstant, longest: Duration, pieces most: Int,
        _ environment: SessionEnvironment
    ) {
        let start = max(now, last ?? now)
        let count = most > 1 ? environment.random(in: 2...most) : 1
        let span = max(Int(longest / .microseconds(1)), 0)
        let moments = (0..<count).map { _ in environment.random(in: 0...span) }.sorted()
        var cut = 0
        for (place, moment) in zip(Departure.cuts(of: flight.readableBytes, count, environment), moments) {
            waiting.append(Piece(byteCount: place - cut, at: start + .microseconds(moment)))
            cut = place
        }
        last = start + .microseconds(moments.last ?? 0)
        bytes.writeImmutableBuffer(flight)
    }

    /// Where the pieces of a flight end: so many different places, each as likely as any other, and the end. Fewer where
    /// one place is drawn twice.
    private static func cuts(of length: Int, _ count: Int, _ environment: SessionEnvironment) -> [Int] {
        guard count > 1, length > 1 else { return [length] }
        return Set((1..<count).map { _ in environment.random(in: 1...length - 1) }).sorted() + [length]
    }

    /// One piece whose moment has come gets ready: never two at once, so that they are writes of their own however late
    /// the driver is.
    mutating func deadlinePassed(at now: MonotonicInstant) {
        guard let piece = waiting.first, now >= piece.at else { return }
        readyBytes += piece.byteCount
        _ = waiting.popFirst()
    }

    /// Everything gets ready: the connection ends.
    mutating func hasten() {
        while let piece = waiting.popFirst() { readyBytes += piece.byteCount }
    }

    /// Appends what is ready.
    mutating func take(into output: inout ByteBuffer) {
        guard var piece = bytes.readSlice(length: readyBytes) else { return }
        output.writeBuffer(&piece)
        readyBytes = 0
    }
}
