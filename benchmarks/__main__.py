"""All benchmarks, one after another: `make bench`."""

from benchmarks import sampling

if __name__ == "__main__":
    sampling.main()
