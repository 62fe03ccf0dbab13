import MemoryProbe

MemoryProbe.run(isWiping: false)
