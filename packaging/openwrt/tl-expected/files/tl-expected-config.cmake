# The header lies in the include folder of the tree that this file is in; its own build files need a submodule that releases lack.
if(NOT TARGET tl::expected)
  get_filename_component(root "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
  add_library(tl::expected INTERFACE IMPORTED)
  set_target_properties(tl::expected PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${root}/include")
endif()
