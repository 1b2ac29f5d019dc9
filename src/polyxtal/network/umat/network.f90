! The network: a binary tree of laminates with crystals as leaves, at prescribed F.
! F_left = F + f_right a x N, F_right = F - f_left a x N, equal tractions across the interface.
! Leaves are nodes 1 to nl; inner node k is node nl + k; the last node is the root.

module umat_network
  use umat_solution
  implicit none
  integer, parameter :: root = 2*nl - 1, inner = nl - 1
  integer, parameter :: max_pieces = 64, max_iterations = 25
  real(8), parameter :: from_elastic = 0.0d0  ! no multiple of the last one
  integer, parameter :: flag = 1, last_f = 2, first_leaf = 11
  integer, parameter :: leaf_size = 21 + 2*nz, first_inner = first_leaf + nl*leaf_size
  integer, parameter :: state_size = first_inner - 1 + 6*inner

  type :: network_work
    real(8) :: tangent(9, 9, root), stress_gradient(9, 6, nl)
    real(8) :: deformation(3, 3, root), piola(3, 3, root), condensed(3, 3, root), change(3, 3, root)
    real(8) :: compliance(3, 3, nl), jump_left(9, 3, nl), jump_right(3, 9, nl), mismatch(3, nl)
    real(8) :: interaction(3, nl), interaction_change(3, nl)
    real(8) :: plastic_start(3, 3, nl), plastic_inverse(3, 3, nl)
    real(8) :: z_start(nz, nl), z(nz, nl), stress(6, nl)
    type(crystal_work) :: crystal
  end type network_work

contains

  subroutine place(w)  ! F of all nodes from that of the root
    type(network_work), intent(inout) :: w
    integer :: k, j
    real(8) :: jump(3, 3)
    do k = inner, 1, -1
      do j = 1, 3
        jump(:, j) = w%interaction(:, k)*normal(j, k)
      end do
      w%deformation(:, :, left(k)) = w%deformation(:, :, nl + k) + (1.0d0 - fraction(k))*jump
      w%deformation(:, :, right(k)) = w%deformation(:, :, nl + k) - fraction(k)*jump
    end do
  end subroutine place

  subroutine update_leaves(dt, with_tangent, least, w, solved)
    real(8), intent(in) :: dt, least
    logical, intent(in) :: with_tangent
    type(network_work), intent(inout) :: w
    logical, intent(out) :: solved
    integer :: l
    solved = .false.
    do l = 1, nl
      if (.not. determinant(w%deformation(:, :, l)) > 0.0d0) return
      call solve_crystal(phase(l), w%deformation(:, :, l), w%plastic_start(:, :, l), &
                         w%z_start(:, l), dt, w%stress(:, l), w%z(:, l), w%crystal, solved)
      if (.not. solved) return
      solved = .false.
      call crystal_stress(phase(l), w%plastic_start(:, :, l), w%stress(:, l), w%crystal, &
                          w%piola(:, :, l))
      if (.not. determinant(w%crystal%plastic_inverse) > 0.0d0) return
      w%plastic_inverse(:, :, l) = w%crystal%plastic_inverse
      if (with_tangent) then
        call crystal_tangent(phase(l), w%plastic_start(:, :, l), w%stress(:, l), w%z(:, l), least, &
                             w%crystal, w%tangent(:, :, l), w%stress_gradient(:, :, l))
      end if
    end do
    solved = .true.
  end subroutine update_leaves

  subroutine condense_tangents(w)
    type(network_work), intent(inout) :: w
    integer :: k, i, j, m, n, r
    real(8) :: jump(9, 9), stiffness(3, 3), product(9, 3), mixed(9, 9), f, rest
    do k = 1, inner
      f = fraction(k)
      rest = 1.0d0 - f
      jump = w%tangent(:, :, left(k)) - w%tangent(:, :, right(k))
      mixed = rest*w%tangent(:, :, left(k)) + f*w%tangent(:, :, right(k))
      do i = 1, 3
        w%jump_left(:, i, k) = normal(1, k)*jump(:, 3*i - 2) + normal(2, k)*jump(:, 3*i - 1) &
                               + normal(3, k)*jump(:, 3*i)
      end do
      do r = 1, 9
        do i = 1, 3
          w%jump_right(i, r, k) = jump(3*i - 2, r)*normal(1, k) + jump(3*i - 1, r)*normal(2, k) &
                                  + jump(3*i, r)*normal(3, k)
        end do
      end do
      do m = 1, 3
        do i = 1, 3
          stiffness(i, m) = 0.0d0
          do j = 1, 3
            do n = 1, 3
              stiffness(i, m) = stiffness(i, m) &
                                + normal(j, k)*normal(n, k)*mixed(3*(m - 1) + n, 3*(i - 1) + j)
            end do
          end do
        end do
      end do
      w%compliance(:, :, k) = inverse(stiffness)
      do i = 1, 3
        product(:, i) = f*rest*(w%compliance(i, 1, k)*w%jump_left(:, 1, k) &
                                + w%compliance(i, 2, k)*w%jump_left(:, 2, k) &
                                + w%compliance(i, 3, k)*w%jump_left(:, 3, k))
      end do
      do r = 1, 9
        w%tangent(:, r, nl + k) = f*w%tangent(:, r, left(k)) + rest*w%tangent(:, r, right(k)) &
                                  - w%jump_right(1, r, k)*product(:, 1) &
                                  - w%jump_right(2, r, k)*product(:, 2) &
                                  - w%jump_right(3, r, k)*product(:, 3)
      end do
    end do
  end subroutine condense_tangents

  subroutine condense_stresses(w, worst)  ! worst: largest traction jump
    type(network_work), intent(inout) :: w
    real(8), intent(out) :: worst
    integer :: k, i
    real(8) :: f, traction(3), back(3)
    worst = 0.0d0
    w%condensed(:, :, 1:nl) = w%piola(:, :, 1:nl)
    do k = 1, inner
      f = fraction(k)
      traction = matmul(w%piola(:, :, left(k)) - w%piola(:, :, right(k)), normal(:, k))
      w%mismatch(:, k) = matmul(w%condensed(:, :, left(k)) - w%condensed(:, :, right(k)), &
                                normal(:, k))
      w%piola(:, :, nl + k) = f*w%piola(:, :, left(k)) + (1.0d0 - f)*w%piola(:, :, right(k))
      worst = max(worst, maxval(abs(traction)))
      if (any(traction /= traction)) worst = infinite
      back = f*(1.0d0 - f)*matmul(w%compliance(:, :, k), w%mismatch(:, k))
      do i = 1, 3
        w%condensed(i, :, nl + k) = f*w%condensed(i, :, left(k)) &
                                    + (1.0d0 - f)*w%condensed(i, :, right(k)) &
                                    - matmul(back, w%jump_right(:, 3*i - 2:3*i, k))
      end do
    end do
  end subroutine condense_stresses

  subroutine substitute_down(w)
    type(network_work), intent(inout) :: w
    integer :: k, m, j
    real(8) :: value(3), flat(9), jump(3, 3)
    do k = inner, 1, -1
      flat = reshape(transpose(w%change(:, :, nl + k)), [9])
      do m = 1, 3
        value(m) = w%mismatch(m, k) + dot_product(w%jump_left(:, m, k), flat)
      end do
      w%interaction_change(:, k) = -matmul(w%compliance(:, :, k), value)
      do j = 1, 3
        jump(:, j) = w%interaction_change(:, k)*normal(j, k)
      end do
      w%change(:, :, left(k)) = w%change(:, :, nl + k) + (1.0d0 - fraction(k))*jump
      w%change(:, :, right(k)) = w%change(:, :, nl + k) - fraction(k)*jump
    end do
  end subroutine substitute_down

  ! One time step to F = goal; final: one more evaluation at the solution, for its tangent.
  subroutine advance(dt, goal, elastic_start, final, w, converged)
    real(8), intent(in) :: dt, goal(3, 3)
    logical, intent(in) :: elastic_start, final
    type(network_work), intent(inout) :: w
    logical, intent(out) :: converged
    real(8) :: residual, previous, step, flat(9), off
    logical :: fresh, elastic, solved
    integer :: iteration, l, m
    converged = .false.
    previous = infinite
    fresh = .true.
    do iteration = 1, merge(1, max_iterations, final)
      elastic = elastic_start .and. iteration == 1
      step = merge(0.0d0, dt, elastic)
      call update_leaves(step, fresh, merge(exact, inactive, final), w, solved)
      if (.not. solved) return
      if (fresh) call condense_tangents(w)
      call condense_stresses(w, residual)
      off = maxval(abs(w%deformation(:, :, root) - goal))
      residual = residual/max(stress_floor, maxval(abs(w%piola(:, :, 1:nl))))
      if (.not. residual < infinite) return
      converged = final .or. (residual < tolerance .and. off == 0.0d0 .and. .not. elastic)
      if (converged) return
      w%change(:, :, root) = goal - w%deformation(:, :, root)
      call substitute_down(w)
      w%deformation = w%deformation + w%change
      w%interaction = w%interaction + w%interaction_change
      do l = 1, nl
        flat = reshape(transpose(w%change(:, :, l)), [9])
        do m = 1, 6
          w%stress(m, l) = w%stress(m, l) + dot_product(w%stress_gradient(:, m, l), flat)
        end do
      end do
      w%deformation(:, :, root) = goal
      fresh = elastic .or. residual > 0.05d0*previous
      previous = residual
    end do
  end subroutine advance

end module umat_network
