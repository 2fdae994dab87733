"""Installs fmi_mx with one of the two builds of MXNet: ``pip install -e '.[cpu]'`` or ``'.[cu112]'``, never both."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent

setup(
    name="fmi_mx",
    version=re.search(r'__version__ = "(.+)"', (HERE / "fmi_mx" / "__init__.py").read_text(encoding="utf-8"))[1],
    description="Feature map inversion of VGG-19 with Apache MXNet: every filter extracts a specific texture",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=[*find_packages(include=["fmi_mx", "fmi_mx.*"]), "fmi_mx.experiments"],
    package_dir={"fmi_mx.experiments": "experiments"},  # the figures' files and presets, where there is no clone
    package_data={"fmi_mx": ["py.typed"], "fmi_mx.gallery": ["site/*"], "fmi_mx.experiments": ["*.yaml"]},
    python_requires=">=3.8,<3.13",  # NumPy 1.26, the last that MXNet 1.9.1 works with, has no wheel for 3.13
    install_requires=[
        "numpy>=1.20,<2",  # MXNet 1.9.1 cannot work with NumPy 2
        "opencv-python>=4.5.5,<4.12",  # 4.12 and newer ask for NumPy 2
        "matplotlib>=3.6",
        "pyyaml>=5.4",
        "pillow>=10.1",  # headers and colour profiles of images; 10.1 is for Python 3.8 to 3.12
        "scikit-image>=0.19",  # the authors' TV denoising; 0.19 has channel_axis
        "tqdm>=4.60",
        "requests>=2.20",  # downloads
        "scipy<2",  # MXNet 1.9.1 uses the namespace scipy.sparse.csr, which SciPy 2 removes
        "setuptools; python_version>='3.12'",  # MXNet 1.9.1 imports distutils
    ],
    extras_require={
        "cpu": ["mxnet==1.9.1"],
        "cu112": [
            "mxnet-cu112==1.9.1",
            "nvidia-cuda-runtime-cu11==11.8.89",
            "nvidia-cuda-nvrtc-cu11==11.8.89",
            "nvidia-nvtx-cu11==11.8.86",
            "nvidia-cublas-cu11==11.11.3.6",
            "nvidia-cufft-cu11==10.9.0.58",
            "nvidia-curand-cu11==10.3.0.86",
            "nvidia-cusolver-cu11==11.4.1.48",
            "nvidia-nccl-cu11==2.21.5",
            "nvidia-cudnn-cu11==8.9.6.50",
        ],
        "convert": ["h5py>=3", "safetensors>=0.4"],  # Keras files, safetensors; the other formats need nothing more
        "gallery": ["jinja2>=3"],
        "cluster": ["distributed>=2023.5"],  # 2023.5 is the last for Python 3.8; takes NumPy 1.26 in every version
        "dev": [
            "distributed>=2023.5",
            "import-linter>=2,<3",
            "h5py>=3",
            "safetensors>=0.4",
            "jinja2>=3",
            "selenium>=4",  # with Debian's chromium: the gallery's pages in a browser
            "mypy>=1.14,<1.15",  # the last that checks for Python 3.8
            "types-PyYAML",
            "types-requests",
            "types-tqdm",
            "pytest>=7",
            "pytest-randomly>=3.12",
            "pytest-xdist>=3",
            "ruff>=0.4",
        ],
    },
    entry_points={"console_scripts": ["fmi = fmi_mx.__main__:main"]},
)
