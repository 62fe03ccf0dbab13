package import GateModel

/// Decides how hard a puzzle openings are answered with: by how many answers were for nothing lately.
///
/// Counts answers from where work on them begins, or where a retry promises it without a puzzle, each until its handshake
/// is completed. So honest handshakes count for as long as they are under way, and whoever leaves after the opening counts
/// on. Time forgets: what counts are the answers of the window that goes on, and of the one before as much as lies less
/// than a window back, taken as evenly spread. Once nobody has abandoned anything for two windows nothing is left.
///
/// Below the threshold nothing is asked for; from it on ``PuzzleEffort/least``, and with each doubling a bit more, up to
/// ``PuzzleEffort/most``. Belongs to one event loop.
package struct PuzzleLoad {
    /// An answer that counts, until it is completed.
    package struct Answer: Equatable, Sendable {
        fileprivate let window: UInt64
    }

    /// From how many answers on puzzles are asked for; 0: never.
    package var threshold = 0
    /// How long a window is; a change holds from the next on.
    package var windowTime: Duration = .seconds(10)
    /// Numbers the windows, so that an answer is taken from the one that counts it.
    private var window: UInt64 = 0
    private var begin = MonotonicInstant(nanoseconds: 0)
    private var current = 0
    private var previous = 0
    /// How much of ``previous`` no longer counts.
    private var forgotten = 0

    /// Nothing was answered yet.
    package init() {}

    /// Answers that count now.
    package var answerCount: Int { current + previous - forgotten }

    /// Leading zero bits to ask for; 0: no puzzle.
    package var effort: UInt8 {
        guard answerCount >= threshold, threshold > 0 else { return 0 }
        let doublings = Int.bitWidth - 1 - (answerCount / threshold).leadingZeroBitCount
        return min(PuzzleEffort.least + UInt8(doublings), PuzzleEffort.most)
    }

    /// Time has passed; to be said before anything else that happens then.
    package mutating func advance(to now: MonotonicInstant) {
        guard current > 0 || previous > 0 else { return begin = now }
        let length = max(windowTime, .milliseconds(1))
        if now - begin >= length * 2 {
            (window, begin, previous, current) = (window + 2, now, 0, 0)
        } else if now - begin >= length {
            (window, begin, previous, current) = (window + 1, begin + length, current, 0)
        }
        forgotten = min(previous, max(0, Int(Double(previous) * ((now - begin) / length))))
    }

    /// Public-key work begins for an opening, or nothing but the next opening is needed for it; the other side has shown
    /// nothing yet.
    package mutating func answered() -> Answer {
        current += 1
        return Answer(window: window)
    }

    /// The other side of that answer has proven itself: it was not for nothing.
    package mutating func completed(_ answer: Answer) {
        if answer.window == window {
            current = max(0, current - 1)
        } else if answer.window + 1 == window {
            previous = max(0, previous - 1)
            forgotten = min(forgotten, previous)
        }
    }
}
