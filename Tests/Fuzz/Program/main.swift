import Dispatch
import Foundation
import FuzzEntries

// Searches with libFuzzer for inputs that break the entry named by GATE_FUZZ_ENTRY; arguments are libFuzzer's. With
// GATE_FUZZ_SEEDS=FOLDER it writes the entry's honest inputs there first.

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ body: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

private enum Chosen {
    static let environment = ProcessInfo.processInfo.environment
    static let body = environment["GATE_FUZZ_ENTRY"].flatMap(FuzzEntry.init)?.body
}

private func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    switch Chosen.body {
    case .immediate(let body)?: body(bytes)
    case .suspending(let body)?: wait { await body(bytes) }
    case nil: return -1
    }
    return 0
}

/// libFuzzer calls on the main thread, which may block: nothing here belongs to it.
private func wait(for body: @escaping @Sendable () async -> Void) {
    let done = DispatchSemaphore(value: 0)
    Task.detached {
        await body()
        done.signal()
    }
    done.wait()
}

private func writeSeeds(of entry: FuzzEntry, into folder: String) {
    wait {
        do {
            for (index, seed) in try await entry.seeds().enumerated() {
                try Data(seed).write(to: URL(filePath: folder).appending(path: "seed-\(index)"))
            }
        } catch { preconditionFailure("the seeds can't be written: \(error)") }
    }
}

guard let entry = Chosen.environment["GATE_FUZZ_ENTRY"].flatMap(FuzzEntry.init) else {
    print(FuzzEntry.allCases.map(\.rawValue).joined(separator: "\n"))
    exit(EX_USAGE)
}
if let folder = Chosen.environment["GATE_FUZZ_SEEDS"] { writeSeeds(of: entry, into: folder) }
var argumentCount = CommandLine.argc
var argumentVector = CommandLine.unsafeArgv
exit(runDriver(&argumentCount, &argumentVector, fuzz))
