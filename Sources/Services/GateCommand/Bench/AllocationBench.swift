import CWipe

/// What one process has given back to its allocator: in a steady state, what it took.
struct HeapUse {
    var blocks: Double
    var bytes: Double

    /// Of this process since the first call.
    static func soFar() -> HeapUse {
        var freed = gate_wipe_freed()
        gate_wipe_freed(&freed)
        return HeapUse(blocks: Double(freed.blocks), bytes: Double(freed.bytes))
    }
}

/// Counts what a record costs the heap of the process that sends or receives it.
enum AllocationBench {
    private static let streamBytes = 256 << 20
    /// Records are filled to their maximum by one stream.
    private static let recordBytes = 65_536.0

    /// Per record of a stream, once buffers have grown.
    static func perRecord(sending: Bool) async throws -> HeapUse {
        let bench = try await SessionBench()
        let use = try await bench.heapUse(ofStream: streamBytes, sending: sending)
        await bench.stop()
        let records = Double(streamBytes) / recordBytes
        return HeapUse(blocks: use.blocks / records, bytes: use.bytes / records)
    }
}
