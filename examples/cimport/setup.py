"""The .pxd files are found where syslogfast is installed: there is nothing to say."""

from Cython.Build import cythonize
from setuptools import setup

setup(name="readings", ext_modules=cythonize("readings.pyx"))
