package import NIOCore

/// The frames of one attachment at one of its sides, over however many links: those that were sent and that the other side
/// may not have taken, and how many of the other's were taken here.
///
///     sent(_:) ──▶ kept ──released(upTo:)──▶ gone        received(_:) ──▶ taken ──word()──▶ told
///                   └──goesOn(after:)──▶ sent again, over another link
///
/// Frames are counted from the attachment's begin; ``LinkFrame/isCounted`` says which. Payloads are kept as slices of what
/// was sent. Beyond ``framesMax`` or ``bytesMax`` all that is kept is dropped: until the other side has taken that much the
/// attachment can't go on over another link, and nothing else changes.
package struct AttachmentFrames {
    private var kept = CircularBuffer<LinkFrame>()
    private var keptByteCount = 0
    /// Frames that were sent.
    package private(set) var sentCount: UInt64 = 0
    /// Frames of the other side that were taken.
    package private(set) var takenCount: UInt64 = 0
    private var untoldFrames = 0
    private var untoldBytes = 0

    /// The most that is kept.
    package static let framesMax = 65_536
    package static let bytesMax = 16 << 20
    /// So much is taken before the other side is told; the other side keeps that much for nothing.
    package static let framesPerWord = 32
    package static let bytesPerWord = 256 << 10
    /// A smaller rest is told after so long, so that what passed through is not kept while nothing follows.
    package static let wordPause = TimeAmount.milliseconds(500)

    package init() {}

    /// What is kept, the first one sent first.
    package var unconfirmed: CircularBuffer<LinkFrame> { kept }

    /// A frame goes out, or will over the next link.
    package mutating func sent(_ frame: LinkFrame) {
        sentCount += 1
        keptByteCount += frame.keptBytes
        kept.append(frame)
        if kept.count > AttachmentFrames.framesMax || keptByteCount > AttachmentFrames.bytesMax { dropKept() }
    }

    /// A frame of the other side came and is dealt with.
    package mutating func received(_ frame: LinkFrame) {
        takenCount += 1
        untoldFrames += 1
        untoldBytes += frame.keptBytes
    }

    /// The count to tell the other side, once enough was taken since it was told last.
    package mutating func word() -> UInt64? {
        guard untoldFrames >= AttachmentFrames.framesPerWord || untoldBytes >= AttachmentFrames.bytesPerWord else {
            return nil
        }
        return lateWord()
    }

    /// Whether something was taken that the other side was not told.
    package var owesWord: Bool { untoldFrames > 0 }

    /// The count to tell the other side after ``wordPause``, if anything was taken since it was told last.
    package mutating func lateWord() -> UInt64? {
        guard owesWord else { return nil }
        untoldFrames = 0
        untoldBytes = 0
        return takenCount
    }

    /// The other side has taken so many; `false` where that is more than were sent.
    package mutating func released(upTo count: UInt64) -> Bool {
        guard count <= sentCount else { return false }
        while let first = kept.first, keptStart < count {
            keptByteCount -= first.keptBytes
            kept.removeFirst()
        }
        return true
    }

    /// Whether all that the other side, which has taken `count`, is missing is there, to be sent again; what it has is let
    /// go of.
    package mutating func goesOn(after count: UInt64) -> Bool {
        guard count >= keptStart, released(upTo: count) else { return false }
        // The other side hears what was taken here with the word that it goes on.
        untoldFrames = 0
        untoldBytes = 0
        return true
    }

    /// The number of the first frame that is kept.
    private var keptStart: UInt64 { sentCount - UInt64(kept.count) }

    private mutating func dropKept() {
        kept = []
        keptByteCount = 0
    }
}
