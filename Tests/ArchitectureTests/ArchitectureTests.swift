import Foundation
import Testing

@Suite struct ArchitectureTests {
    private let tree = SourceTree.shared

    private func table() throws -> ModuleTable { ModuleTable(manifest: try tree.text("Package.swift")) }

    /// What comes with the toolchain and may be imported anywhere but in Core.
    private static let toolchain: Set = ["Foundation", "Glibc", "Synchronization", "Dispatch", "Darwin", "Musl"]
    /// Modules that a product brings beside the one of its own name.
    private static let alsoIn = ["Metrics": ["CoreMetrics"], "CoreMetrics": [], "Hummingbird": ["HTTPTypes"]]

    @Test func `the module table can be read`() throws {
        let modules = try table().modules
        #expect(modules.count > 25)
        #expect(modules.contains { $0.name == "GateKernel" && $0.uses.contains("GateTransport") })
        #expect(modules.contains { $0.name == "GateTelemetry" && $0.libraries.contains("Logging") })
    }

    @Test func `every file's imports are in the module table`() throws {
        let modules = try table().modules
        var wrong: [String] = []
        for file in tree.sources where !file.isGenerated {
            guard let module = modules.first(where: { $0.folder == file.moduleFolder }) else {
                wrong.append("\(file.path): in no module")
                continue
            }
            var allowed = Set(module.uses + module.libraries + module.libraries.flatMap { Self.alsoIn[$0] ?? [] })
            if module.layer != "core" { allowed.formUnion(Self.toolchain) }
            if module.layer == "testKit" { allowed.insert("Testing") }
            allowed.insert("Synchronization")
            for imported in imports(of: file) where !allowed.contains(imported) {
                wrong.append("\(file.path): imports \(imported)")
            }
        }
        #expect(wrong == [])
    }

    @Test func `Core knows no input, output, clock, task or randomness of the system`() {
        let forbidden =
            #/\b(Channel|EventLoop|EventLoopGroup|EventLoopFuture|Task|Date|DispatchQueue|Thread|ContinuousClock|SuspendingClock|SystemRandomNumberGenerator|FileManager|FileHandle|ProcessInfo)\b|\.random\(in: |\brandomElement\b|\.shuffled\(\)/#
        // Draws from libsodium, for everything that is given randomness as a value.
        let wrappers: Set = ["SystemEntropy.swift"]
        let wrong = tree.sources.filter { $0.layer == "Core" && !$0.isGenerated }
            .filter { !wrappers.contains($0.folders.last ?? "") }
            .flatMap { file in
                file.code.enumerated().filter { $0.element.firstMatch(of: forbidden) != nil }
                    .map { "\(file.path):\($0.offset + 1): \($0.element.trimmingCharacters(in: .whitespaces))" }
            }
            // A draw from a generator that was given, or from the environment's.
            .filter { !$0.contains("using:") && !$0.contains("environment.random(in:") }
        #expect(wrong == [])
    }

    @Test func `Core declares async functions in GateStore's protocols only`() {
        let wrong = tree.sources.filter { $0.layer == "Core" && $0.moduleFolder != "GateStore" && !$0.isGenerated }
            .filter { file in file.code.contains { $0.firstMatch(of: #/\b(async|await)\b/#) != nil } }.map(\.path)
        #expect(wrong == [])
    }

    @Test func `files stay within their sizes`() {
        let sources = tree.sources.filter { !$0.isGenerated && $0.lines.count > 600 }
        let tests = tree.tests.filter { !$0.isGenerated && $0.lines.count > 800 }
        #expect((sources + tests).map { "\($0.path): \($0.lines.count) lines" } == [])
    }

    @Test func `programs stay below 80 lines`() {
        let wrong = tree.sources.filter { $0.layer == "Programs" && $0.lines.count > 80 }
        #expect(wrong.map(\.path) == [])
    }

    @Test func `Sources neither force nor give up`() {
        let forbidden = #/\btry!|\bas!|\bfatalError\(|[\w\)\]]!(?:[\.\s,\)\]]|$)|: \w+!/#
        let wrong = tree.sources.filter { !$0.isGenerated }.flatMap { file in
            file.code.enumerated().filter { $0.element.firstMatch(of: forbidden) != nil }
                .map { "\(file.path):\($0.offset + 1): \($0.element.trimmingCharacters(in: .whitespaces))" }
        }
        #expect(wrong == [])
    }

    @Test func `public and package types say what they are`() {
        let declaration = #/^\s*(public|package) (?:final |indirect )*(struct|class|enum|protocol|actor) \w/#
        let wrong = tree.sources.filter { !$0.isGenerated }.flatMap { file in
            file.lines.indices.filter { index in
                file.lines[index].firstMatch(of: declaration) != nil && !isDocumented(file.lines, before: index)
            }.map { "\(file.path):\($0 + 1)" }
        }
        #expect(wrong == [])
    }

    @Test func `everything public is documented`() {
        let declaration =
            #/^\s*public (?!import|extension|init\(from|static let configuration|static var allValueStrings)/#
        let wrong = tree.sources.filter { !$0.isGenerated }.flatMap { file in
            file.lines.indices.filter { index in
                file.lines[index].firstMatch(of: declaration) != nil && !isDocumented(file.lines, before: index)
            }.map { "\(file.path):\($0 + 1): \(file.lines[$0].trimmingCharacters(in: .whitespaces))" }
        }
        #expect(wrong == [])
    }

    @Test func `every TODO names why`() {
        let bare = #/\b(TODO|FIXME)\b(?!: \S+ \S+)/#
        let wrong = (tree.sources + tree.tests).filter { !$0.path.hasPrefix("Tests/ArchitectureTests/") }
            .filter { file in file.lines.contains { $0.firstMatch(of: bare) != nil } }.map(\.path)
        #expect(wrong == [])
    }

    @Test func `no type is called as the module that hosts embed`() {
        let declaration = #/\b(struct|class|enum|protocol|actor|typealias) QuantumGate\b/#
        let wrong = tree.sources.filter { file in file.code.contains { $0.firstMatch(of: declaration) != nil } }
        #expect(wrong.map(\.path) == [])
    }

    @Test func `every program that holds secrets closes its memory before it opens anything`() {
        let programs = tree.sources.filter { $0.path.hasPrefix("Sources/Programs/") && $0.path.contains("/Gate") }
        #expect(programs.count == 3)
        for program in programs {
            let hardened = program.code.firstIndex { $0.contains("ProcessHardening.disableCoreDumps()") } ?? .max
            let opened = program.code.firstIndex { $0.contains(#/Link(CredentialSource|Membership)\(/#) } ?? 0
            #expect(hardened < opened, "\(program.path)")
        }
    }

    private func imports(of file: SourceTree.File) -> [String] {
        file.code.compactMap { line in
            line.firstMatch(
                of:
                    #/^\s*(?:@\w+(?:\(\w+\))? )*(?:public |package |internal |private )?import (?:struct |class |enum |protocol |func )?(\w+)/#
            ).map { String($0.1) }
        }
    }

    private func isDocumented(_ lines: [String], before index: Int) -> Bool {
        var line = index - 1
        while line >= 0 {
            let text = lines[line].trimmingCharacters(in: .whitespaces)
            if text.hasPrefix("///") { return true }
            guard text.hasPrefix("@") || text.hasPrefix("#if") || text.hasPrefix("// ") else { return false }
            line -= 1
        }
        return false
    }
}
