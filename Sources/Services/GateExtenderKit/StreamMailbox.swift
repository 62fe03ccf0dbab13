import GateModel
import NIOCore
import Synchronization

/// Where a stream's bytes wait for an `await`ing reader; holds no more than was granted.
final class StreamMailbox: StreamSink, Sendable {
    enum Reading {
        case bytes(ByteBuffer)
        case finished
        case reset(StreamResetCode)
        case nothing
    }

    private struct State {
        var buffers = CircularBuffer<ByteBuffer>()
        var isFinished = false
        var resetCode: StreamResetCode?
        var reader: CheckedContinuation<Reading, Never>?
        var writers: [EventLoopPromise<Void>] = []
        /// Bytes of the buffer that the reader works on; consumed once it asks for the next.
        var handedOut = 0
        /// Bytes consumed and not yet told to the stream.
        var due = 0

        mutating func take() -> Reading {
            due += handedOut
            handedOut = 0
            if let bytes = buffers.popFirst() {
                handedOut = bytes.readableBytes
                return .bytes(bytes)
            }
            if let resetCode { return .reset(resetCode) }
            return isFinished ? .finished : .nothing
        }

        mutating func takeDue(atLeast minimum: Int) -> Int {
            guard due >= minimum || buffers.isEmpty else { return 0 }
            defer { due = 0 }
            return due
        }
    }

    /// Small pieces are joined up to this size, so that many tiny frames don't hold many buffers.
    private static let joinedBytesMax = 16 * 1024

    private let state = Mutex(State())
    private let dueMinimum: Int

    /// What was read is told by so many bytes at most: how fast a stream is taken shows in it.
    private static let dueBytesMax: UInt64 = 64 * 1024

    init(window: UInt64) { dueMinimum = Int(clamping: min(window / 4, Self.dueBytesMax)) }

    // MARK: on the stream's event loop

    func received(_ bytes: ByteBuffer) {
        state.withLock { state in
            if let last = state.buffers.indices.last,
                state.buffers[last].readableBytes + bytes.readableBytes <= Self.joinedBytesMax
            {
                state.buffers[last].writeImmutableBuffer(bytes)
            } else {
                state.buffers.append(bytes)
            }
        }
    }

    func batchCompleted() { wake() }

    func receivedFinish() {
        state.withLock { $0.isFinished = true }
        wake()
    }

    func receivedReset(_ code: StreamResetCode) {
        let writers = state.withLock { state in
            state.resetCode = code
            // Where too much is held, what nobody read is given up, too.
            if code == .overloaded { state.buffers = [] }
            defer { state.writers = [] }
            return state.writers
        }
        for writer in writers { writer.fail(ExtenderFailure.reset(code)) }
        wake()
    }

    func drained() {
        let writers = state.withLock { state in
            defer { state.writers = [] }
            return state.writers
        }
        for writer in writers { writer.succeed(()) }
    }

    /// A writer waits until all that was written has gone.
    func wait(_ writer: EventLoopPromise<Void>) {
        let code = state.withLock { state in
            if state.resetCode == nil { state.writers.append(writer) }
            return state.resetCode
        }
        if let code { writer.fail(ExtenderFailure.reset(code)) }
    }

    /// Hands what waits to another sink, which takes over.
    func empty(into sink: any StreamSink) -> Int {
        let (buffers, isFinished, resetCode, due) = state.withLock { state in
            defer {
                state.buffers = []
                state.due = 0
                state.handedOut = 0
            }
            return (state.buffers, state.isFinished, state.resetCode, state.due + state.handedOut)
        }
        for bytes in buffers { sink.received(bytes) }
        sink.batchCompleted()
        if let resetCode { sink.receivedReset(resetCode) } else if isFinished { sink.receivedFinish() }
        return due
    }

    // MARK: from readers

    /// What the reader gets now, and how many bytes became due as credit.
    func next() -> (reading: Reading, due: Int) {
        state.withLock { state in
            let reading = state.take()
            return (reading, state.takeDue(atLeast: dueMinimum))
        }
    }

    /// Waits for what ``next()`` found missing. A cancelled task reads `.nothing`.
    func wait() async -> Reading {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let reading: Reading? = state.withLock { state in
                    let reading = state.take()
                    if case .nothing = reading, !Task.isCancelled, state.reader == nil {
                        state.reader = continuation
                        return nil
                    }
                    return reading
                }
                if let reading { continuation.resume(returning: reading) }
            }
        } onCancel: {
            let reader = state.withLock { state in
                defer { state.reader = nil }
                return state.reader
            }
            reader?.resume(returning: .nothing)
        }
    }

    private func wake() {
        let woken: (CheckedContinuation<Reading, Never>, Reading)? = state.withLock { state in
            guard let reader = state.reader else { return nil }
            let reading = state.take()
            if case .nothing = reading { return nil }
            state.reader = nil
            return (reader, reading)
        }
        if let woken { woken.0.resume(returning: woken.1) }
    }
}
